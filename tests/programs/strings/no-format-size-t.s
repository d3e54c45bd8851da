# Linux does not print `%zu`.
# expect: reject C0413
# linux 6.18: Invalid format string

.license GPL
.data text bytes=257a7500 frozen
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
