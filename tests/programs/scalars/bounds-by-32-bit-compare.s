# A 32-bit comparison bounds the whole register when its upper half is zero.
# expect: accept

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
    r2 = *(u32 *)(r6 + 8)
    if w2 > 63 goto out
    r0 += r2
    r0 = *(u8 *)(r0 + 0)
out:
    r0 = 0
    exit
