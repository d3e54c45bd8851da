# expect: reject R0304
# linux 6.18: value -2147483648 makes map_value pointer be out of bounds

.license GPL
.map table kind=array key=4 value=64 entries=1
.section tc

    r6 = *(u32 *)(r1 + 8)
    r6 <<= 32
    r6 s>>= 32
    *(u32 *)(r10 - 4) = 0
    r1 = table ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    if r6 s> 7 goto out
    r0 += r6
    r0 = *(u8 *)(r0 + 0)
out:
    r0 = 0
    exit
