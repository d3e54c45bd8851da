# One path has a dynptr of a record, the other one of a map value.
# expect: accept

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
    call bpf_get_prandom_u32
    r7 = r0
    if r7 == 0 goto one
    r1 = r6
    r2 = 16
    r3 = 0
    r4 = r10
    r4 += -24
    call bpf_dynptr_from_mem
    goto meet
one:
    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -24
    call bpf_ringbuf_reserve_dynptr
meet:
    r0 = 0
    if r7 != 0 goto out
    r1 = r10
    r1 += -24
    r2 = 0
    call bpf_ringbuf_discard_dynptr
    r0 = 0
    goto out
out:
    r0 = 0
    exit
