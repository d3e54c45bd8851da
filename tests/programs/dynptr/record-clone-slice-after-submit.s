# Slices of clones go too.
# expect: reject S0105
# linux 6.18: R7 invalid mem access 'scalar'

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_clone kfunc
.section tc

    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -16
    call bpf_ringbuf_reserve_dynptr
    r1 = r10
    r1 += -16
    r2 = r10
    r2 += -48
    call bpf_dynptr_clone
    r1 = r10
    r1 += -48
    r2 = 0
    r3 = 8
    call bpf_dynptr_data
    r7 = r0
    r1 = r10
    r1 += -16
    r2 = 0
    call bpf_ringbuf_submit_dynptr
    if r7 == 0 goto out
    r1 = *(u64 *)(r7 + 0)
out:
    r0 = 0
    exit
