# An address in the arena is no verdict.
# expect: reject P0601
# linux 6.18: At program exit the register R0 is not a known value (arena)

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section cgroup_skb/egress

    r1 = arena+8 ll
    r0 = addr_space_cast(r1, 0, 1)
    exit
