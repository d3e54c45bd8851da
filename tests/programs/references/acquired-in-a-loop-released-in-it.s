# expect: accept

.license GPL
.section tc

    r7 = 0
    r6 = r1
    *(u64 *)(r10 - 16) = 0
    *(u32 *)(r10 - 8) = 0
next:
    r1 = r6
    r2 = r10
    r2 += -16
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    if r0 == 0 goto skip
    r1 = r0
    call bpf_sk_release
skip:
    r7 += 1
    if r7 < 4 goto next
    r0 = 0
    exit
