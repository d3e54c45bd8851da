# expect: reject S0110
# linux 6.18: R3 pointer arithmetic on pkt_end prohibited

.license GPL
.section xdp

    r3 = *(u32 *)(r1 + 4)
    r3 += -4
    r0 = 1
    exit
