# A store at a variable offset that cannot hit the dynptr.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -24
    call bpf_ringbuf_reserve_dynptr
    call bpf_get_prandom_u32
    r0 &= 7
    r1 = r10
    r1 += -8
    r1 += r0
    *(u8 *)(r1 + 0) = 0
    r1 = r10
    r1 += -24
    r2 = 0
    call bpf_ringbuf_discard_dynptr
out:
    r0 = 0
    exit
