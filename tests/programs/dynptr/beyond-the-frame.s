# Both of its slots lie in the frame.
# expect: reject M0217
# linux 6.18: Dynptr has to be an uninitialized dynptr

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
    r4 += -8
    call bpf_dynptr_from_mem
out:
    r0 = 0
    exit
