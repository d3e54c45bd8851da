# Nor do other slices.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_slice kfunc
.section tc

    r8 = r1
    call bpf_get_prandom_u32
    *(u32 *)(r10 - 4) = r0
    r1 = values ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    r1 = r6
    r2 = 16
    r3 = 0
    r4 = r10
    r4 += -24
    call bpf_dynptr_from_mem
    r1 = r10
    r1 += -24
    r2 = 0
    r3 = r10
    r3 += -40
    r4 = 8
    call bpf_dynptr_slice
    if r0 == 0 goto out
    r7 = r0
    r1 = r8
    r2 = 64
    call bpf_skb_pull_data
    r1 = *(u64 *)(r7 + 0)
out:
    r0 = 0
    exit
