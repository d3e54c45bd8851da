# expect: accept

.license GPL
.map events kind=ringbuf entries=4096
.section tc

    r6 = *(u32 *)(r1 + 0)
    r1 = events ll
    r2 = 8
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    *(u64 *)(r0 + 0) = r6
    r1 = r0
    r2 = 0
    if r6 > 64 goto discard
    call bpf_ringbuf_submit
    goto out
discard:
    call bpf_ringbuf_discard
out:
    r0 = 0
    exit
