# expect: accept

.license GPL
.section cgroup_skb/egress

    r1 = *(u64 *)(r1 + 168)
    if r1 == 0 goto out
    call bpf_sk_fullsock
    if r0 == 0 goto out
    r1 = r0
    call bpf_tcp_sock
    if r0 == 0 goto out
    r1 = *(u32 *)(r0 + 0)
    r1 = *(u64 *)(r0 + 80)
out:
    r0 = 1
    exit
