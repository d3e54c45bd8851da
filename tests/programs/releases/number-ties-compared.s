# Where r6 is r7, its bound is r7's. On the other way it is not, and r7 may be anything: a walk of the first says nothing of the
# second.
# expect: reject R0304
# linux 6.18: math between fp pointer and register with unbounded min value is not allowed
.license GPL
.hook sched_cls
.prog main
    call bpf_get_prandom_u32
    r6 = r0
    call bpf_get_prandom_u32
    r7 = r0
    call bpf_get_prandom_u32
    if r0 > 7 goto apart
    r6 = r7
apart:
    if r6 > 7 goto done
    r1 = r10
    r1 += -16
    r1 += r7
    *(u8 *)(r1 + 0) = 0
done:
    r0 = 0
    exit
