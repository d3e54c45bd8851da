# expect: accept

.license GPL
.section tc

    r4 = *(u32 *)(r1 + 8)
    r4 &= 63
    r4 += 1
    r2 = 0
    r3 = r10
    r3 += -64
    call bpf_skb_load_bytes
    r0 = 0
    exit
