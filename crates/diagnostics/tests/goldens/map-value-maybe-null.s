# The value is used although there may be none.
.license GPL
.map counts kind=hash key=4 value=8 entries=16
.hook sched_cls
.prog count
    *(u32 *)(r10 - 4) = 7
    r1 = counts ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
    r0 = 0
    exit
