# expect: reject R0301
# linux 6.18: R4 !read_ok

.license GPL
.section tc

    call add
    exit
add:
    r0 = r4
    exit
