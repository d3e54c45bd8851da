# expect: accept

.license GPL
.section tc

    r2 = 0
    r3 = r10
    r3 += -8
    r4 = 8
    call bpf_skb_load_bytes
    if r0 != 0 goto out
    r0 = *(u64 *)(r10 - 8)
    r0 &= 1
out:
    exit
