# The data must lie within the value.
# expect: reject M0207
# linux 6.18: R1 min value is outside of the allowed memory range

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
    r2 = 65
    r3 = 0
    r4 = r10
    r4 += -24
    call bpf_dynptr_from_mem
out:
    r0 = 0
    exit
