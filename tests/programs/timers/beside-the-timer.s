# expect: reject O0801
# linux 6.18: off 16 doesn't point to 'struct bpf_timer' that is at 0
# The pointer is to the bytes behind the timer.

.license GPL
.map timers kind=array key=4 value=24 entries=8 fields=0:bpf_timer
.section tc

    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = timers ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    r6 += 16
    r1 = r6
    r2 = timers ll
    r3 = 1
    call bpf_timer_init
out:
    r0 = 0
    exit
