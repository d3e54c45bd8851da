# expect: reject M0210
# linux 6.18: R6 invalid variable buffer offset: off=0, var_off=(0x0; 0x7)
# Somewhere in the buffer of a writable tracepoint.
.license GPL
.hook raw_tracepoint_writable
.prog example
    r6 = *(u64 *)(r1 + 0)
    r7 = *(u64 *)(r1 + 8)
    r7 &= 7
    r6 += r7
    r1 = *(u32 *)(r6 + 0)
    r0 = 0
    exit
