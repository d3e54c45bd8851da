# expect: reject M0207
# linux 6.18: R0 min value is outside of the allowed memory range

.license GPL
.map events kind=ringbuf entries=4096
.section tc

    r1 = events ll
    r2 = 12
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    *(u64 *)(r0 + 8) = 1
    r1 = r0
    r2 = 0
    call bpf_ringbuf_discard
out:
    r0 = 0
    exit
