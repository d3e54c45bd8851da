# Linux prints `%- +5i`.
# expect: accept

.license GPL
.data text bytes=252d202b356900 frozen
.section tc

    *(u64 *)(r10 - 8) = 7
    *(u64 *)(r10 - 16) = 7
    r1 = r10
    r1 += -64
    r2 = 32
    r3 = text+0 ll
    r4 = r10
    r4 += -16
    r5 = 8
    call bpf_snprintf
    r0 = 0
    exit
