# expect: reject M0212
# linux 6.18: bpf_spin_lock cannot be accessed directly by load/store
# A lock's bytes are not for loads.

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
    r1 = *(u32 *)(r6 + 8)
out:
    r0 = 0
    exit
