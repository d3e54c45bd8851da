# The upper half of the tuple was never written: allowed to a privileged loader.
# expect: accept

.license GPL
.section xdp

    *(u64 *)(r10 - 16) = 0
    r2 = r10
    r2 += -16
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    if r0 == 0 goto out
    r1 = r0
    call bpf_sk_release
out:
    r0 = 2
    exit
