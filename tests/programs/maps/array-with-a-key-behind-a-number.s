# expect: accept
# The upper half of a number that was spilled whole is the key: Linux takes all of the number for it, sees that the array
# has such an entry, and knows that the look-up is not NULL.

.license GPL
.map table kind=array key=4 value=64 entries=4
.section tc
main:
    *(u64 *)(r10 - 8) = 3
    r2 = r10
    r2 += -4
    r1 = table ll
    call bpf_map_lookup_elem
    r0 = *(u8 *)(r0 + 0)
    exit
