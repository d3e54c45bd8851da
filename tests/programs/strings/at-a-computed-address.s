# A computed constant is known.
# expect: accept

.license GPL
.data text bytes=74637000 frozen
.section tc

    r6 = 1
    *(u64 *)(r10 - 8) = 0
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = text+0 ll
    r3 += r6
    call bpf_strncmp
    r0 = 0
    exit
