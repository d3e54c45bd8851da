# expect: accept

.license GPL
.map jumps kind=prog_array key=4 value=4 entries=1
.section tc

    r6 = r1
    *(u64 *)(r10 - 16) = 0
    *(u32 *)(r10 - 8) = 0
    r2 = r10
    r2 += -16
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    if r0 == 0 goto jump
    r1 = r0
    call bpf_sk_release
jump:
    r1 = r6
    r2 = jumps ll
    r3 = 0
    call bpf_tail_call
    r0 = 0
    exit
