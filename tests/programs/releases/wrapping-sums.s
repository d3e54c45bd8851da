# Both ends of the sum wrap, so every sum does: it lies between them.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r8 = 0x8000000000000000 ll
    r7 = 0x8000000900000000 ll
    r6 = 0x900000000 ll
    r0 |= r8
    if r0 > r7 goto done
    r0 += r8
    if r0 > r6 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
