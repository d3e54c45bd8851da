# What is known of the whole register narrows its lower half, even if the upper half is not zero.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r8 = 0x100000000 ll
    r7 = 0x100000009 ll
    if r0 < r8 goto done
    if r0 > r7 goto done
    if w0 > 9 goto bad
done:
    r0 = 0
    exit
bad:
    r0 = *(u64 *)(r9 + 0)
    exit
