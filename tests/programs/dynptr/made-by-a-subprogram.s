# And make one in the caller's stack.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    r1 = r10
    r1 += -16
    call make
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_discard_dynptr
    r0 = 0
    exit
make:
    r4 = r1
    r1 = ring ll
    r2 = 8
    r3 = 0
    call bpf_ringbuf_reserve_dynptr
    r0 = 0
    exit
