# expect: reject C0401
# linux 6.18: program of this type cannot use helper bpf_skb_pull_data#39

.license GPL
.section xdp

    r2 = 0
    call bpf_skb_pull_data
    r0 = 1
    exit
