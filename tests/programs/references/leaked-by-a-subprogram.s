# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak

.license GPL
.section tc

    call find
    r0 = 0
    exit
find:
    *(u64 *)(r10 - 16) = 0
    *(u32 *)(r10 - 8) = 0
    r2 = r10
    r2 += -16
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    exit
