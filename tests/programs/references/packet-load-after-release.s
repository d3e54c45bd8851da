# expect: accept

.license GPL
.section tc

    r6 = r1
    *(u64 *)(r10 - 16) = 0
    *(u32 *)(r10 - 8) = 0
    r2 = r10
    r2 += -16
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    if r0 == 0 goto load
    r1 = r0
    call bpf_sk_release
load:
    r0 = *(u16 *)skb[12]
    exit
