# The key's upper half was never written: allowed to a privileged loader.
# expect: accept

.license GPL
.map flows kind=hash key=8 value=8 entries=16
.section tc

    *(u32 *)(r10 - 8) = 0
    r1 = flows ll
    r2 = r10
    r2 += -8
    call bpf_map_lookup_elem
    r0 = 0
    exit
