# expect: reject M0210
# linux 6.18: R6 invalid tracepoint buffer access: off=-4, size=4
# Before the buffer of a writable tracepoint.
.license GPL
.hook raw_tracepoint_writable
.prog example
    r6 = *(u64 *)(r1 + 0)
    r1 = *(u32 *)(r6 - 4)
    r0 = 0
    exit
