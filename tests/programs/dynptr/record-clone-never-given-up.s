# A clone makes no record more.
# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak

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
out:
    r0 = 0
    exit
