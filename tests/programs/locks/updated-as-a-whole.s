# expect: accept
# An update leaves the lock out.

.license GPL
.map guarded kind=hash key=4 value=16 entries=8 fields=8:bpf_spin_lock
.section tc

    *(u32 *)(r10 - 4) = 1
    *(u64 *)(r10 - 24) = 1
    *(u64 *)(r10 - 16) = 0
    r1 = guarded ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -24
    r4 = 0
    call bpf_map_update_elem
    r0 = 0
    exit
