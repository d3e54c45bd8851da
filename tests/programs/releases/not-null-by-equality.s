# Equal to what is not NULL is not NULL.
# expect: accept
.license GPL
.map table kind=hash key=4 value=8 entries=4
.hook sched_cls
.prog main
    *(u32 *)(r10 - 4) = 0
    r1 = table ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    r6 = r0
    r1 = table ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r6 == 0 goto done
    if r0 != r6 goto done
    r1 = *(u64 *)(r0 + 0)
done:
    r0 = 0
    exit
