# expect: reject M0203
# linux 6.18: invalid size of register spill

.license GPL
.section tc

    *(u32 *)(r10 - 8) = r1
    r0 = 0
    exit
