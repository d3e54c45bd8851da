# The loop ends: its counter on the stack changes, though nothing relied on it yet.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r0 &= 15
    *(u64 *)(r10 - 8) = r0
    r0 = 0
again:
    r0 = *(u64 *)(r10 - 8)
    if r0 > 10 goto done
    r0 += 1
    *(u64 *)(r10 - 8) = r0
    r0 = 0
    goto again
done:
    r0 = 0
    exit
