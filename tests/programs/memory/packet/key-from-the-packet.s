# A helper may read a key directly from checked packet bytes.
# expect: accept

.license GPL
.map flows kind=hash key=4 value=8 entries=16
.section tc

    r2 = *(u32 *)(r1 + 76)
    r3 = *(u32 *)(r1 + 80)
    r4 = r2
    r4 += 30
    if r4 > r3 goto out
    r1 = flows ll
    r2 += 26
    call bpf_map_lookup_elem
out:
    r0 = 0
    exit
