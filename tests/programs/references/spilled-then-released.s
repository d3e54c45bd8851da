# The socket survives a call on the stack and is released from there.
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
    *(u64 *)(r10 - 24) = r0
    r0 = 0
    call bpf_ktime_get_ns
    r1 = *(u64 *)(r10 - 24)
    call bpf_sk_release
out:
    r0 = 0
    exit
