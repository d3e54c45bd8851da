# A copy of four bytes on the stack learns what its original learns.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r0 &= 255
    r1 = r0
    *(u32 *)(r10 - 8) = r0
    if r0 > 9 goto done
    r2 = *(u32 *)(r10 - 8)
    if r2 > 9 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
