# A slice has the size that was asked for.
# expect: reject M0207
# linux 6.18: R0 min value is outside of the allowed memory range

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    r6 = r1
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
    r3 = 8
    call bpf_dynptr_data
    if r0 == 0 goto out
    r1 = *(u64 *)(r0 + 1)
out:
    r0 = 0
    exit
