# expect: reject C0408
# linux 6.18: BPF_LD_[ABS|IND] instructions not allowed for this program type

.license GPL
.section xdp

    r6 = r1
    r0 = *(u16 *)skb[12]
    exit
