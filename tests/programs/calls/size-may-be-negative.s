# expect: reject C0404
# linux 6.18: R4 min value is negative, either use unsigned or 'var &= const'

.license GPL
.section tc

    r2 = *(u32 *)(r1 + 8)
    r4 = r2
    r4 <<= 32
    r4 s>>= 32
    r2 = 0
    r3 = r10
    r3 += -64
    if r4 s> 64 goto out
    call bpf_skb_load_bytes
out:
    r0 = 0
    exit
