# expect: reject O0801
# linux 6.18: map 'timers' has no valid bpf_timer
# A value that has a lock only.

.license GPL
.map timers kind=array key=4 value=24 entries=8 fields=0:bpf_spin_lock
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
out:
    r0 = 0
    exit
