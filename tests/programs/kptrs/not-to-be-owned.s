# expect: reject O0801
# linux 6.18: map 'kept' has to have BTF in order to use bpf_kptr_xchg
# Maps cannot own what they do not know how to let go: the types as a whole are not taken.

.license GPL
.map kept kind=array key=4 value=24 entries=8 fields=8:kptr(sk_buff)
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
out:
    r0 = 0
    exit
