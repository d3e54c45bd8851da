# expect: accept

.license GPL
.section tc

    r6 = r1
    r7 = 7
    call bpf_ktime_get_ns
    r0 = *(u32 *)(r6 + 8)
    r0 += r7
    exit
