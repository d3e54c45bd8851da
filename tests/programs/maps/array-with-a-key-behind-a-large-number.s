# expect: reject S0104
# linux 6.18: R0 invalid mem access 'map_value_or_null'
# As beside, but the number as a whole is no index: nothing is known.

.license GPL
.map table kind=array key=4 value=64 entries=4
.section tc
main:
    r1 = 0x100000000 ll
    *(u64 *)(r10 - 8) = r1
    r2 = r10
    r2 += -4
    r1 = table ll
    call bpf_map_lookup_elem
    r0 = *(u8 *)(r0 + 0)
    exit
