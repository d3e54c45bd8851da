# expect: reject C0401
# linux 6.18: calling kernel function bpf_skb_ct_lookup is not allowed
# A function of socket buffers in a program without one.
.license GPL
.hook syscall
.extern bpf_skb_ct_lookup kfunc
.prog example
    r1 = 1
    call bpf_skb_ct_lookup
    r0 = 0
    exit
