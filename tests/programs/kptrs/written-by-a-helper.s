# expect: reject O0803
# linux 6.18: kptr cannot be accessed indirectly by helper
# A helper may not write over it.

.license GPL
.map kept kind=array key=4 value=24 entries=8 fields=8:kptr(task_struct),16:kptr_untrusted(task_struct)
.section tc

    r8 = r1
    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = kept ll
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
