# Linux keeps the lower half of the size: the record has no bytes.
# expect: reject M0207
# linux 6.18: R0 min value is outside of the allowed memory range

.license GPL
.map ring kind=ringbuf entries=4096
.section tc

    r1 = ring ll
    r2 = 1
    r2 <<= 32
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    *(u64 *)(r0 + 0) = 1
    r1 = r0
    r2 = 0
    call bpf_ringbuf_submit
out:
    r0 = 0
    exit
