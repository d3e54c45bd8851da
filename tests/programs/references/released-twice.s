# A copy is released after the original.
# expect: reject S0103
# linux 6.18: R1 type=scalar expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_

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
    call bpf_sk_release
    r1 = r7
    call bpf_sk_release
out:
    r0 = 0
    exit
