# No values are needed, whatever the size.
# expect: accept

.license GPL
.data text bytes=7465787400 frozen
.section tc

    *(u64 *)(r10 - 8) = 7
    *(u64 *)(r10 - 16) = 7
    call bpf_get_prandom_u32
    r0 &= 8
    r6 = r0
    r1 = r10
    r1 += -64
    r2 = 32
    r3 = text+0 ll
    r4 = r10
    r4 += -16
    r5 = r6
    call bpf_snprintf
    r0 = 0
    exit
