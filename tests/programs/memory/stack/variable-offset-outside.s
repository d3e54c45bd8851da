# expect: reject M0201
# linux 6.18: invalid variable-offset read from stack R3 var_off=(0x0; 0x1f) off=-16 size=1

.license GPL
.section tc

    *(u64 *)(r10 - 16) = 0
    *(u64 *)(r10 - 8) = 0
    r2 = *(u32 *)(r1 + 8)
    r2 &= 31
    r3 = r10
    r3 += -16
    r3 += r2
    r0 = *(u8 *)(r3 + 0)
    exit
