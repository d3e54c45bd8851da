# expect: reject L0702
# linux 6.18: function calls are not allowed while holding a lock
# The same lock again.

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
    r1 = r6
    r1 += 8
    call bpf_spin_lock
    r1 = r6
    r1 += 8
    call bpf_spin_lock
    r1 = r6
    r1 += 8
    call bpf_spin_unlock
out:
    r0 = 0
    exit
