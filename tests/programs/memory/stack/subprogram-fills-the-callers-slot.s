# expect: accept

.license GPL
.section tc

    r2 = r10
    r2 += -8
    call fill
    r0 = *(u64 *)(r10 - 8)
    exit
fill:
    *(u64 *)(r2 + 0) = 7
    r0 = 0
    exit
