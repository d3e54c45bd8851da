# The size of a slice must be a constant.
# expect: reject C0404
# linux 6.18: R3 is not a known constant'

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
    call bpf_get_prandom_u32
    r3 = r0
    r3 &= 7
    r1 = r10
    r1 += -24
    r2 = 0
    call bpf_dynptr_data
out:
    r0 = 0
    exit
