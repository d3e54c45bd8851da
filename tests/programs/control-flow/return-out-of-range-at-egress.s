# expect: reject P0601
# linux 6.18: At program exit the register R0 has smin=4 smax=4 should have been in [0, 3]

.license GPL
.section cgroup_skb/egress

    r0 = 4
    exit
