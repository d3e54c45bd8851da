# expect: reject O0802
# linux 6.18: timer pointer in R1 map_uid=1 doesn't match map pointer in R2 map_uid=2
# The timer of one look-up, the map of another: they may be two maps.

.license GPL
.map inside kind=array key=4 value=24 entries=8 fields=0:bpf_timer
.map outer kind=array_of_maps key=4 value=4 entries=2 inner=inside
.section tc

    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = outer ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r7 = r0
    r2 = r10
    r2 += -4
    r1 = outer ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r8 = r0
    r1 = r7
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    r1 = r6
    r2 = r8
    r3 = 1
    call bpf_timer_init
out:
    r0 = 0
    exit
