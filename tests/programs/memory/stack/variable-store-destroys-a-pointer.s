# A store that may hit the spilled pointer makes the slot a number.
# expect: reject M0211
# linux 6.18: R1 invalid mem access 'scalar'

.license GPL
.section tc

    *(u64 *)(r10 - 8) = r1
    *(u64 *)(r10 - 16) = 0
    r2 = *(u32 *)(r1 + 8)
    r2 &= 8
    r3 = r10
    r3 += -16
    r3 += r2
    r4 = 0
    *(u64 *)(r3 + 0) = r4
    r1 = *(u64 *)(r10 - 8)
    r0 = *(u32 *)(r1 + 0)
    exit
