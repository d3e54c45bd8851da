# expect: reject C0404
# linux 6.18: invalid zero-sized read

.license GPL
.map events kind=ringbuf entries=4096
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = events ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    r0 = 0
    exit
