# expect: reject S0104
# linux 6.18: Possibly NULL pointer passed to helper arg2
# What may be NULL is checked before it is given away.

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
    r1 = r6
    r1 += 8
    r2 = 0
    call bpf_kptr_xchg
    r7 = r0
    r1 = r6
    r1 += 8
    r2 = r7
    call bpf_kptr_xchg
    if r0 == 0 goto out
    r0 = 0
    exit
out:
    r0 = 0
    exit
