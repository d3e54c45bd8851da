# One path has a dynptr, the other has not.
# expect: reject S0107
# linux 6.18: arg 1 is an unacquired reference

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    call bpf_get_prandom_u32
    if r0 == 0 goto meet
    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call bpf_ringbuf_reserve_dynptr
meet:
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_discard_dynptr
    r0 = 0
    exit
