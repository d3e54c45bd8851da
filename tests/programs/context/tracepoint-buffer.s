# expect: accept
# The buffer of a writable tracepoint, read and written.
.license GPL
.hook raw_tracepoint_writable
.prog example
    r6 = *(u64 *)(r1 + 0)
    r1 = *(u32 *)(r6 + 4)
    r1 = 1
    *(u64 *)(r6 + 512) = r1
    r0 = 0
    exit
