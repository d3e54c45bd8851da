# expect: reject M0201
# linux 6.18: invalid write to stack R3 off=-4 size=8

.license GPL
.section tc

    r2 = 0
    r3 = r10
    r3 += -4
    r4 = 8
    call bpf_skb_load_bytes
    r0 = 0
    exit
