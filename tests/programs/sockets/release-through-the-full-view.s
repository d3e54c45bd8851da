# The full socket is the socket: releasing the view releases it.
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
    call bpf_skc_lookup_tcp
    if r0 == 0 goto out
    r7 = r0
    r1 = r0
    call bpf_sk_fullsock
    if r0 == 0 goto plain
    r1 = r0
    call bpf_sk_release
    r0 = 0
    exit
plain:
    r1 = r7
    call bpf_sk_release
out:
    r0 = 0
    exit
