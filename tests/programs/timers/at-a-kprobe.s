# expect: reject P0602
# linux 6.18: tracing progs cannot use bpf_timer yet
# A kprobe may not even name a map with timers.

.license GPL
.map timers kind=array key=4 value=24 entries=8 fields=0:bpf_timer
.section kprobe/x

    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = timers ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
out:
    r0 = 0
    exit
