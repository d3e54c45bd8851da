# Nor for helpers that fill memory.
# expect: reject M0216
# linux 6.18: potential write to dynptr at off=-16 disallowed

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section kprobe

    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call bpf_ringbuf_reserve_dynptr
    r1 = r10
    r1 += -24
    r2 = 16
    call bpf_get_current_comm
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_discard_dynptr
out:
    r0 = 0
    exit
