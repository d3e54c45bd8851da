# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak
# A connection is looked up and kept.
.license GPL
.hook sched_cls
.extern bpf_skb_ct_lookup kfunc
.prog example
    r6 = r1
    r1 = 0
    *(u64 *)(r10 - 8) = r1
    *(u64 *)(r10 - 16) = r1
    *(u64 *)(r10 - 24) = r1
    *(u64 *)(r10 - 32) = r1
    *(u64 *)(r10 - 40) = r1
    r1 = r6
    r2 = r10
    r2 += -40
    r3 = 12
    r4 = r10
    r4 += -16
    r5 = 16
    call bpf_skb_ct_lookup
    r0 = 0
    exit
