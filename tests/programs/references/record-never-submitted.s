# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak

.license GPL
.map events kind=ringbuf entries=4096
.section tc

    r1 = events ll
    r2 = 8
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    *(u64 *)(r0 + 0) = 1
out:
    r0 = 0
    exit
