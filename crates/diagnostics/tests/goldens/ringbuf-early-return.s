# An early return forgets the record.
.license GPL
.map events kind=ringbuf entries=4096
.hook sched_cls
.prog report
    r6 = r1
    r1 = events ll
    r2 = 16
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    r7 = r0
    r1 = *(u32 *)(r6 + 0)
    if r1 < 64 goto out
    *(u64 *)(r7 + 0) = r1
    r1 = r7
    r2 = 0
    call bpf_ringbuf_submit
out:
    r0 = 0
    exit
