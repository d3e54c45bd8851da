# expect: accept

.license GPL
.map flows kind=hash key=4 value=64 entries=16
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = flows ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    *(u64 *)(r10 - 16) = r0
    if r0 == 0 goto out
    r1 = *(u64 *)(r10 - 16)
    *(u64 *)(r1 + 56) = 1
out:
    r0 = 0
    exit
