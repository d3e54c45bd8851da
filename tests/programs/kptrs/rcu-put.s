# expect: reject S0107
# linux 6.18: R2 must be referenced when passed to release function
# Nor one that RCU protects.

.license GPL
.map kept kind=array key=4 value=24 entries=8 fields=8:kptr(task_struct),16:kptr_untrusted(task_struct)
.section tc

    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = kept ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    r7 = *(u64 *)(r6 + 8)
    if r7 == 0 goto out
    r1 = r6
    r1 += 8
    r2 = r7
    call bpf_kptr_xchg
out:
    r0 = 0
    exit
