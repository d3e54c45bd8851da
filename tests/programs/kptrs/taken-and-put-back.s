# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak
# What is taken out of the map is put back, and what was put there meanwhile would have to go: it is kept.

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
    if r0 == 0 goto out
    r7 = r0
    r1 = r6
    r1 += 8
    r2 = r7
    call bpf_kptr_xchg
out:
    r0 = 0
    exit
