# Zeros beside a number of four bytes on the stack stay zeros.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r0 &= 7
    *(u32 *)(r10 - 4) = 0
    *(u32 *)(r10 - 8) = r0
    r1 = *(u32 *)(r10 - 4)
    if r1 > 0 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
