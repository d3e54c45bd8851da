# The view of the socket as a TCP socket ends with the socket.
# expect: reject S0106
# linux 6.18: R8 invalid mem access 'scalar'

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
    call bpf_tcp_sock
    r8 = r0
    r1 = r7
    call bpf_sk_release
    if r8 == 0 goto out
    r0 = *(u32 *)(r8 + 0)
out:
    r0 = 0
    exit
