# Too wide for the field.
.license GPL
.hook cgroup_skb/egress
.prog wide
    r1 = *(u64 *)(r1 + 168)     # skb->sk
    if r1 == 0 goto out
    call bpf_sk_fullsock
    if r0 == 0 goto out
    r0 = *(u64 *)(r0 + 16)      # mark and priority
out:
    r0 = 1
    exit
