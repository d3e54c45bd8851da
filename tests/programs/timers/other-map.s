# expect: reject O0802
# linux 6.18: timer pointer in R1 map_uid=0 doesn't match map pointer in R2 map_uid=0
# The map is not the one in which the timer lies.

.license GPL
.map timers kind=array key=4 value=24 entries=8 fields=0:bpf_timer
.map others kind=array key=4 value=24 entries=8 fields=0:bpf_timer
.section tc

    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = timers ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    r1 = r6
    r2 = others ll
    r3 = 1
    call bpf_timer_init
out:
    r0 = 0
    exit
