# expect: reject R0301
# linux 6.18: R0 !read_ok

.license GPL
.section tc

    r1 = 1
    call noop
    exit
noop:
    exit
