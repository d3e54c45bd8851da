# Made and given up in each turn.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    r7 = 0
again:
    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call bpf_ringbuf_reserve_dynptr
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_discard_dynptr
    r7 += 1
    if r7 < 5 goto again
    r0 = 0
    exit
