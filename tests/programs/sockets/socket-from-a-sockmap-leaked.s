# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak

.license GPL
.map peers kind=sockhash key=4 value=8 entries=16
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = peers ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    r0 = 0
    exit
