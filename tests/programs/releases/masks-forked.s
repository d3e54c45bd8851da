# A sign mask and 5: either nothing remains of it or all.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r0 s>>= 63
    r0 &= 5
    if r0 == 0 goto done
    if r0 < 5 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
