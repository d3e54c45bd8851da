# And give it up.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call bpf_ringbuf_reserve_dynptr
    r1 = r10
    r1 += -16
    call done
    r0 = 0
    exit
done:
    r2 = 0
    call bpf_ringbuf_discard_dynptr
    r0 = 0
    exit
