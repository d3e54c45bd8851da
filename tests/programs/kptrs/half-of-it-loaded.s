# expect: reject O0803
# linux 6.18: kptr access size must be BPF_DW
# Half of a pointer.

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
    r1 = *(u32 *)(r6 + 8)
out:
    r0 = 0
    exit
