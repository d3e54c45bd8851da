# A number of which nothing was known when it was stored is still the same.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    *(u64 *)(r10 - 8) = r0
    r1 = *(u64 *)(r10 - 8)
    if r0 > 7 goto done
    if r1 > 7 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
