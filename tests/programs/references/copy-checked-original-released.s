# The check of a copy holds for the original.
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
    r7 = r0
    if r7 == 0 goto out
    r1 = r0
    call bpf_sk_release
out:
    r0 = 0
    exit
