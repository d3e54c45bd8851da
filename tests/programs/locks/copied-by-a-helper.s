# expect: reject M0212
# linux 6.18: bpf_spin_lock cannot be accessed directly by load/store
# A helper may not write over a lock.

.license GPL
.map guarded kind=hash key=4 value=16 entries=8 fields=8:bpf_spin_lock
.section tc

    r8 = r1
    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = guarded ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    r1 = r8
    r2 = 0
    r3 = r6
    r4 = 16
    call bpf_skb_load_bytes
out:
    r0 = 0
    exit
