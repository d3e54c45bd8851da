# Programs of this hook may read the packet, not write it.
# expect: reject M0206
# linux 6.18: cannot write into packet

.license GPL
.section cgroup_skb/egress

    r2 = *(u32 *)(r1 + 76)
    r3 = *(u32 *)(r1 + 80)
    r4 = r2
    r4 += 14
    if r4 > r3 goto out
    *(u8 *)(r2 + 0) = 9
out:
    r0 = 1
    exit
