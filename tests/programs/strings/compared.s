# A string in a frozen map.
# expect: accept

.license GPL
.data text bytes=74637000 frozen
.section tc

    *(u64 *)(r10 - 8) = 0
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = text+0 ll
    call bpf_strncmp
    r0 = 0
    exit
