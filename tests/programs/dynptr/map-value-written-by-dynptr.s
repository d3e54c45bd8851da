# Writing into a map value moves nothing.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    r9 = r1
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
    r7 = *(u32 *)(r9 + 76)
    r8 = *(u32 *)(r9 + 80)
    r2 = r7
    r2 += 8
    if r2 > r8 goto out
    *(u64 *)(r10 + -40) = 0
    r1 = r10
    r1 += -24
    r2 = 0
    r3 = r10
    r3 += -40
    r4 = 8
    r5 = 0
    call bpf_dynptr_write
    r1 = *(u64 *)(r7 + 0)
out:
    r0 = 0
    exit
