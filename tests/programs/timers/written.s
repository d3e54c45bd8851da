# expect: reject M0212
# linux 6.18: bpf_timer cannot be accessed directly by load/store
# A timer's bytes are not for stores.

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
    r1 = 0
    *(u64 *)(r6 + 8) = r1
out:
    r0 = 0
    exit
