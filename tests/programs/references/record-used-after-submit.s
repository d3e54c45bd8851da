# expect: reject S0105
# linux 6.18: R7 invalid mem access 'scalar'

.license GPL
.map events kind=ringbuf entries=4096
.section tc

    r1 = events ll
    r2 = 8
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    r7 = r0
    r1 = r0
    r2 = 0
    call bpf_ringbuf_submit
    *(u64 *)(r7 + 0) = 1
out:
    r0 = 0
    exit
