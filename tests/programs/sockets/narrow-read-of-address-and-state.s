# Bytes of these fields may be read alone.
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
    r7 = r0
    r8 = *(u8 *)(r7 + 24)
    r8 = *(u16 *)(r7 + 28)
    r8 = *(u8 *)(r7 + 72)
    r1 = r7
    call bpf_sk_release
out:
    r0 = 0
    exit
