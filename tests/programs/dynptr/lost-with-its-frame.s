# A dynptr in the frame of a function that returns is lost.
# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    call make
    r0 = 0
    exit
make:
    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call bpf_ringbuf_reserve_dynptr
    r0 = 0
    exit
