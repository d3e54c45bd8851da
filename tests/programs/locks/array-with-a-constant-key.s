# expect: reject L0703
# linux 6.18: bpf_spin_unlock of different lock
# A look-up that cannot fail gives a lock of its own, too.

.license GPL
.map guarded kind=array key=4 value=16 entries=8 fields=8:bpf_spin_lock
.section tc

    *(u32 *)(r10 - 8) = 1
    r2 = r10
    r2 += -8
    r1 = guarded ll
    call bpf_map_lookup_elem
    r6 = r0
    r2 = r10
    r2 += -8
    r1 = guarded ll
    call bpf_map_lookup_elem
    r7 = r0
    r1 = r6
    r1 += 8
    call bpf_spin_lock
    r1 = r7
    r1 += 8
    call bpf_spin_unlock
    r0 = 0
    exit
