# expect: reject S0110
# linux 6.18: R0 pointer arithmetic on map_value_or_null prohibited, null-check it first

.license GPL
.map flows kind=hash key=4 value=64 entries=16
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = flows ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    r0 += 8
    if r0 == 0 goto out
    r0 = *(u8 *)(r0 + 0)
out:
    r0 = 0
    exit
