# A record is given up by any of its clones.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_clone kfunc
.section tc

    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call bpf_ringbuf_reserve_dynptr
    r1 = r10
    r1 += -16
    r2 = r10
    r2 += -48
    call bpf_dynptr_clone
    r1 = r10
    r1 += -48
    r2 = 0
    call bpf_ringbuf_discard_dynptr
out:
    r0 = 0
    exit
