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
    if r0 == 0 goto out
    r1 = *(u32 *)(r0 + 0)
    r1 = *(u32 *)(r0 + 4)
    r1 = *(u32 *)(r0 + 8)
    r1 = *(u32 *)(r0 + 12)
    r1 = *(u32 *)(r0 + 16)
    r1 = *(u32 *)(r0 + 20)
    r1 = *(u32 *)(r0 + 24)
    r1 = *(u32 *)(r0 + 28)
    r1 = *(u32 *)(r0 + 40)
    r1 = *(u32 *)(r0 + 44)
    r1 = *(u16 *)(r0 + 48)
    r1 = *(u32 *)(r0 + 52)
    r1 = *(u32 *)(r0 + 56)
    r1 = *(u32 *)(r0 + 68)
    r1 = *(u32 *)(r0 + 72)
    r1 = *(u32 *)(r0 + 76)
    r1 = r0
    call bpf_sk_release
out:
    r0 = 0
    exit
