# expect: reject M0212
# linux 6.18: bpf_spin_lock cannot be accessed directly by load/store
# Nor may loads touch it there.

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
    r1 = *(u32 *)(r0 + 8)
out:
    r0 = 0
    exit
