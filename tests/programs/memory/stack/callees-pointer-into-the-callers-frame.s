# expect: reject M0204
# linux 6.18: cannot spill pointers to stack into stack frame of the caller

.license GPL
.section tc

    r2 = r10
    r2 += -8
    call leak
    r0 = 0
    exit
leak:
    *(u64 *)(r2 + 0) = r10
    r0 = 0
    exit
