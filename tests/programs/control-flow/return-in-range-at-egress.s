# expect: accept

.license GPL
.section cgroup_skb/egress

    r0 = *(u32 *)(r1 + 8)
    r0 &= 3
    exit
