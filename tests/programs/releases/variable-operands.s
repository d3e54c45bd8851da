# A disjunction of two numbers below 4 is below 4.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r6 = r0
    r6 &= 3
    call bpf_get_prandom_u32
    r0 &= 3
    r0 |= r6
    if r0 > 3 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
