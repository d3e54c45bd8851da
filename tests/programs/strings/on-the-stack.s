# A string on the stack is not known.
# expect: reject C0403
# linux 6.18: R3 type=fp expected=map_value

.license GPL
.data text bytes=74637000 frozen
.section tc

    *(u64 *)(r10 - 8) = 0
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = r10
    r3 += -8
    call bpf_strncmp
    r0 = 0
    exit
