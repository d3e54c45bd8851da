# expect: reject M0210
# linux 6.18: variable ctx access var_off=(0x0; 0x4) disallowed

.license GPL
.section tc

    r2 = *(u32 *)(r1 + 8)
    r2 &= 4
    r1 += r2
    r0 = *(u32 *)(r1 + 0)
    exit
