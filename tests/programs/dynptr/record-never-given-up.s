# Even a reservation that fails must be given up.
# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak

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
    if r0 s< 0 goto out
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_discard_dynptr
out:
    r0 = 0
    exit
