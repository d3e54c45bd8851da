# Zero is known in any part of a slot.
# expect: accept

.license GPL
.map table kind=array key=4 value=8 entries=2
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = table ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    *(u64 *)(r0 + 0) = 1
    r0 = 0
    exit
