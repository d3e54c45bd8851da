# One less than a number: what is learnt of it holds for the number.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r0 &= 7
    r1 = r0
    r1 += -1
    if r1 s> 2 goto done
    if r0 s> 3 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
