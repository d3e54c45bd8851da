# expect: reject L0701
# linux 6.18: BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region
# A packet load may end the program.

.license GPL
.map guarded kind=hash key=4 value=16 entries=8 fields=8:bpf_spin_lock
.section tc

    r9 = r1
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
    r6 = r9
    r0 = *(u8 *)skb[0]
    r0 = 0
    exit
out:
    r0 = 0
    exit
