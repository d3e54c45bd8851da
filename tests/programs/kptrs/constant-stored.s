# expect: reject O0803
# linux 6.18: BPF_ST imm must be 0 when storing to kptr at off=16
# Nor is a constant.

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
    *(u64 *)(r6 + 16) = 4096
out:
    r0 = 0
    exit
