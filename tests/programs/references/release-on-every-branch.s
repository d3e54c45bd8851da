# Both states release, and the path without a socket has nothing to release.
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
    if r0 == 0 goto none
    r2 = *(u32 *)(r0 + 72)
    r1 = r0
    if r2 == 10 goto listener
    call bpf_sk_release
    r0 = 0
    exit
listener:
    call bpf_sk_release
none:
    r0 = 2
    exit
