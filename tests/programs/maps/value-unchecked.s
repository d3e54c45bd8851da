# expect: reject S0104
# linux 6.18: R0 invalid mem access 'map_value_or_null'

.license GPL
.map flows kind=hash key=4 value=8 entries=16
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = flows ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    r0 = *(u64 *)(r0 + 0)
    exit
