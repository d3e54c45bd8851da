# expect: reject M0212
# linux 6.18: write into map forbidden, value_size=8 off=0 size=8

.license GPL
.map table kind=array key=4 value=8 entries=1 flags=0x80
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = table ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    *(u64 *)(r0 + 0) = 1
out:
    r0 = 0
    exit
