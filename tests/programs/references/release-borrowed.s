# The socket of the context belongs to the kernel.
# expect: reject S0107
# linux 6.18: R1 must be referenced when passed to release function

.license GPL
.section tc

    r1 = *(u64 *)(r1 + 168)
    if r1 == 0 goto out
    call bpf_sk_fullsock
    if r0 == 0 goto out
    r1 = r0
    call bpf_sk_release
out:
    r0 = 0
    exit
