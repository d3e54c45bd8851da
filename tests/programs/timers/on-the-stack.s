# expect: reject C0403
# linux 6.18: R1 type=fp expected=map_value
# A timer on the stack would be gone when it fires.

.license GPL
.map timers kind=array key=4 value=24 entries=8 fields=0:bpf_timer
.section tc

    *(u64 *)(r10 - 16) = 0
    *(u64 *)(r10 - 8) = 0
    r1 = r10
    r1 += -16
    r2 = timers ll
    r3 = 1
    call bpf_timer_init
    r0 = 0
    exit
