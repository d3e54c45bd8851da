# expect: accept
# A copy on the stack is a pointer to the same lock.

.license GPL
.map guarded kind=hash key=4 value=16 entries=8 fields=8:bpf_spin_lock
.section tc

    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = guarded ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    *(u64 *)(r10 - 16) = r6
    r1 = r6
    r1 += 8
    call bpf_spin_lock
    r7 = *(u64 *)(r10 - 16)
    r1 = r7
    r1 += 8
    call bpf_spin_unlock
out:
    r0 = 0
    exit
