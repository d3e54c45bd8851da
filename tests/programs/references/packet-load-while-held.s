# A load beyond the packet's end ends the program.
# expect: reject S0109
# linux 6.18: BPF_LD_[ABS|IND] would lead to reference leak

.license GPL
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
    if r0 == 0 goto out
    r7 = r0
    r0 = *(u16 *)skb[12]
    r1 = r7
    call bpf_sk_release
out:
    r0 = 0
    exit
