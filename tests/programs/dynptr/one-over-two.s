# A new one over two halves destroys both.
# expect: reject C0409
# linux 6.18: Expected an initialized dynptr as arg #2

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
    r1 = r6
    r2 = 16
    r3 = 0
    r4 = r10
    r4 += -40
    call bpf_dynptr_from_mem
    r1 = r6
    r2 = 16
    r3 = 0
    r4 = r10
    r4 += -32
    call bpf_dynptr_from_mem
    r1 = r10
    r1 += -56
    r2 = 8
    r3 = r10
    r3 += -24
    r4 = 0
    r5 = 0
    call bpf_dynptr_read
out:
    r0 = 0
    exit
