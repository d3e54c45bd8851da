# expect: accept

.license GPL
.section tc

    r2 = 7
    *(u32 *)(r1 + 8) = r2
    *(u32 *)(r1 + 32) = 7
    r0 = 0
    exit
