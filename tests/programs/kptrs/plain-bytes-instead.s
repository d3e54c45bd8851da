# expect: accept
# Where the types are not taken, the bytes are plain.

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
    r1 = *(u32 *)(r6 + 8)
out:
    r0 = 0
    exit
