# A register that was never written cannot be cast.
# expect: reject R0301
# linux 6.18: R5 !read_ok

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r2 = arena+8 ll
    r1 = addr_space_cast(r5, 0, 1)
    r0 = 0
    exit
