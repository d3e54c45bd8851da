# expect: reject M0210
# linux 6.18: dereference of modified ctx ptr R1 off=8 disallowed

.license GPL
.section tc

    r1 += 8
    r2 = 0
    call bpf_skb_pull_data
    r0 = 0
    exit
