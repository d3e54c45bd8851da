# expect: reject R0301
# linux 6.18: R0 !read_ok

.license GPL
.section tc

    r2 = *(u32 *)(r1 + 8)
    if r2 == 0 goto out
    r0 = 0
out:
    exit
