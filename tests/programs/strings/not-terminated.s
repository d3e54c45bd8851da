# A string must end.
# expect: reject C0412
# linux 6.18: string is not zero-terminated

.license GPL
.data text bytes=746370 frozen
.section tc

    *(u64 *)(r10 - 8) = 0
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = text+0 ll
    call bpf_strncmp
    r0 = 0
    exit
