# A listener found from a socket is not owned, and outlives it.
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
    r1 = r0
    call bpf_get_listener_sock
    r8 = r0
    r1 = r7
    call bpf_sk_release
    if r8 == 0 goto out
    r0 = *(u32 *)(r8 + 72)
out:
    r0 = 0
    exit
