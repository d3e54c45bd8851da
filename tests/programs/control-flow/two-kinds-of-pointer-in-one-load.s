# The kernel rewrites context loads, so one load cannot serve both.
# expect: reject M0215
# linux 6.18: same insn cannot be used with different pointers

.license GPL
.section tc

    *(u64 *)(r10 - 8) = 0
    r2 = *(u32 *)(r1 + 8)
    r3 = r1
    if r2 == 0 goto load
    r3 = r10
    r3 += -8
load:
    r0 = *(u32 *)(r3 + 0)
    exit
