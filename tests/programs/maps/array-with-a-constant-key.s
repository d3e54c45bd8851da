# The key is a constant within the array, and fills the front of its slot: the value is there.
# expect: accept

.license GPL
.map table kind=array key=4 value=8 entries=2
.section tc

    *(u32 *)(r10 - 8) = 1
    r1 = table ll
    r2 = r10
    r2 += -8
    call bpf_map_lookup_elem
    *(u64 *)(r0 + 0) = 1
    r0 = 0
    exit
