# expect: reject M0201
# linux 6.18: invalid unbounded variable-offset read from stack R3

.license GPL
.section tc

    *(u64 *)(r10 - 8) = 0
    r2 = *(u32 *)(r1 + 8)
    r3 = r10
    r3 += r2
    r0 = *(u8 *)(r3 + 0)
    exit
