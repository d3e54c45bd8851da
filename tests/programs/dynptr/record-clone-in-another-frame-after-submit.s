# A clone in the frame of a caller outlives the record: Linux looks only at the frame of the one that is given up.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_clone kfunc
.section tc

    r1 = r10
    r1 += -48
    call make
    r1 = r10
    r1 += -64
    r2 = 8
    r3 = r10
    r3 += -48
    r4 = 0
    r5 = 0
    call bpf_dynptr_read
    r0 = 0
    exit
make:
    r6 = r1
    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call bpf_ringbuf_reserve_dynptr
    r1 = r10
    r1 += -16
    r2 = r6
    call bpf_dynptr_clone
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_submit_dynptr
    r0 = 0
    exit
