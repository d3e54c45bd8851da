# expect: reject R0304
# linux 6.18: math between map_value pointer and register with unbounded min value is not allowed

.license GPL
.map table kind=array key=4 value=64 entries=1
.section tc

    r6 = r1
    *(u32 *)(r10 - 4) = 0
    r1 = table ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r7 = r0
    call bpf_ktime_get_ns
    r0 *= 8
    if r0 == 0 goto out
    r7 += r0
    r0 = *(u8 *)(r7 + 0)
out:
    r0 = 0
    exit
