# The copy on the stack dies with the socket.
# expect: reject S0105
# linux 6.18: R1 invalid mem access 'scalar'

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
    r1 = r0
    call bpf_sk_release
    r1 = *(u64 *)(r10 - 24)
    r0 = *(u32 *)(r1 + 72)
out:
    exit
