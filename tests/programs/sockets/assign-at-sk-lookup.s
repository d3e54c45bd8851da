# expect: accept

.license GPL
.map peers kind=sockmap key=4 value=8 entries=16
.section sk_lookup

    r6 = r1
    *(u32 *)(r10 - 4) = 0
    r1 = peers ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r7 = r0
    r1 = r6
    r2 = r0
    r3 = 0
    call bpf_sk_assign
    r1 = r7
    call bpf_sk_release
out:
    r0 = 1
    exit
