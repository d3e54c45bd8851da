# Three times 12 to 15 has no bit 4. (The sign bits, of which nothing is known, take away the ranges, which would tell.)
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r6 = r0
    r8 = 0x8000000080000000 ll
    r6 &= r8
    call bpf_get_prandom_u32
    r0 &= 3
    r0 |= 12
    r0 |= r6
    r1 = 3
    r1 *= r0
    if r1 & 16 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
