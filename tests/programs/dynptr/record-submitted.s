# A dynptr of a ring-buffer record, made and submitted.
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
    *(u64 *)(r10 + -40) = 0
    r1 = r10
    r1 += -16
    r2 = 0
    r3 = r10
    r3 += -40
    r4 = 8
    r5 = 0
    call bpf_dynptr_write
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_submit_dynptr
out:
    r0 = 0
    exit
