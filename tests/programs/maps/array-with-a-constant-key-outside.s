# expect: reject S0104
# linux 6.18: R0 invalid mem access 'map_value_or_null'

.license GPL
.map table kind=array key=4 value=8 entries=2
.section tc

    *(u32 *)(r10 - 8) = 2
    r1 = table ll
    r2 = r10
    r2 += -8
    call bpf_map_lookup_elem
    *(u64 *)(r0 + 0) = 1
    r0 = 0
    exit
