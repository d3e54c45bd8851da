# expect: reject C0403
# linux 6.18: R1 type=scalar expected=map_ptr

.license GPL
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = 5
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    r0 = 0
    exit
