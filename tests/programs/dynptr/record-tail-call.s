# A tail call would leak the record.
# expect: reject S0108
# linux 6.18: tail_call would lead to reference leak

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.map programs kind=prog_array key=4 value=4 entries=1
.section tc

    r6 = r1
    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call bpf_ringbuf_reserve_dynptr
    r1 = r6
    r2 = programs ll
    r3 = 0
    call bpf_tail_call
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_discard_dynptr
out:
    r0 = 0
    exit
