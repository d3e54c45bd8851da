# Zero or eight, and not zero: eight.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r0 &= 8
    if r0 < 1 goto done
    if r0 < 8 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
