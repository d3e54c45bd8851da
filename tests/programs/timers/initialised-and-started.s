# expect: accept
# Without a function nothing runs; it is no fault.

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
    r1 = r6
    r2 = timers ll
    r3 = 1
    call bpf_timer_init
    r1 = r6
    r2 = 1000
    r3 = 0
    call bpf_timer_start
    r1 = r6
    call bpf_timer_cancel
out:
    r0 = 0
    exit
