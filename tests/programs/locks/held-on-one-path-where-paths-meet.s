# expect: accept
# Where a path with the lock meets one without, both are walked on.

.license GPL
.map guarded kind=hash key=4 value=16 entries=8 fields=8:bpf_spin_lock
.section tc

    r8 = *(u32 *)(r1 + 0)
    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = guarded ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    if r8 == 0 goto meet
    r1 = r6
    r1 += 8
    call bpf_spin_lock
meet:
    r0 = 0
    r1 = 0
    if r8 == 0 goto out
    r1 = r6
    r1 += 8
    call bpf_spin_unlock
out:
    r0 = 0
    exit
