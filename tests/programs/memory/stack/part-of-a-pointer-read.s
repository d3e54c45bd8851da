# expect: reject M0203
# linux 6.18: invalid size of register fill

.license GPL
.section tc

    *(u64 *)(r10 - 8) = r1
    r0 = *(u32 *)(r10 - 8)
    exit
