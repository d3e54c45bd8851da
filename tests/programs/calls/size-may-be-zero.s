# `bpf_skb_load_bytes` refuses a size of zero.
# expect: reject C0404
# linux 6.18: R4 invalid zero-sized read: u64=[0,63]

.license GPL
.section tc

    r4 = *(u32 *)(r1 + 8)
    r4 &= 63
    r2 = 0
    r3 = r10
    r3 += -64
    call bpf_skb_load_bytes
    r0 = 0
    exit
