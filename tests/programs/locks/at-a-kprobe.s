# expect: reject P0602
# linux 6.18: tracing progs cannot use bpf_spin_lock yet
# A kprobe could interrupt whoever holds the lock.

.license GPL
.map guarded kind=hash key=4 value=16 entries=8 fields=8:bpf_spin_lock
.section kprobe/x

    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = guarded ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
out:
    r0 = 0
    exit
