# expect: reject M0213
# linux 6.18: misaligned stack access off 0+0+-12 size 8

.license GPL
.section tc

    *(u64 *)(r10 - 12) = 1
    r0 = 0
    exit
