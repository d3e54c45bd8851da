# expect: reject C0403
# linux 6.18: R1 type=scalar expected=ctx

.license GPL
.section tc

    r1 = 0
    r2 = 0
    call bpf_skb_pull_data
    r0 = 0
    exit
