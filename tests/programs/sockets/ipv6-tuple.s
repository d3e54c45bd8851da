# expect: accept

.license GPL
.section tc

    *(u64 *)(r10 - 40) = 0
    *(u64 *)(r10 - 32) = 0
    *(u64 *)(r10 - 24) = 0
    *(u64 *)(r10 - 16) = 0
    *(u32 *)(r10 - 8) = 0
    r2 = r10
    r2 += -40
    r3 = 36
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_udp
    if r0 == 0 goto out
    r1 = r0
    call bpf_sk_release
out:
    r0 = 0
    exit
