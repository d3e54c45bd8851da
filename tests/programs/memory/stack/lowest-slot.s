# expect: accept

.license GPL
.section tc

    *(u64 *)(r10 - 512) = 1
    r0 = *(u64 *)(r10 - 512)
    exit
