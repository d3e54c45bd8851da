# Nor are they for helpers that read memory.
# expect: reject M0216
# linux 6.18: invalid read from stack R2 off -16+0 size 16

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
    r1 = ring ll
    r2 = r10
    r2 += -16
    r3 = 16
    r4 = 0
    call bpf_ringbuf_output
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_discard_dynptr
out:
    r0 = 0
    exit
