# expect: accept
# A lock in a value of a map in a map.

.license GPL
.map inside kind=array key=4 value=16 entries=8 fields=8:bpf_spin_lock
.map guarded kind=array_of_maps key=4 value=4 entries=2 inner=inside
.section tc

    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = guarded ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = r0
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    r1 = r6
    r1 += 8
    call bpf_spin_lock
    *(u64 *)(r6 + 0) = 1
    r1 = r6
    r1 += 8
    call bpf_spin_unlock
out:
    r0 = 0
    exit
