# expect: reject C0404
# linux 6.18: R2 is not a known constant'

.license GPL
.map events kind=ringbuf entries=4096
.section tc

    r2 = *(u32 *)(r1 + 8)
    r2 &= 15
    r1 = events ll
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    r1 = r0
    r2 = 0
    call bpf_ringbuf_discard
out:
    r0 = 0
    exit
