# expect: accept

.license GPL
.map flows kind=hash key=4 value=8 entries=16
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = flows ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = flows ll
    r2 = r0
    r2 += 4
    call bpf_map_lookup_elem
out:
    r0 = 0
    exit
