# A helper that reads may have it.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_from_skb kfunc
.extern bpf_dynptr_slice kfunc
.section tc

    r6 = r1
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += -16
    call bpf_dynptr_from_skb
    r1 = r10
    r1 += -16
    r2 = 0
    r3 = r10
    r3 += -32
    r4 = 8
    call bpf_dynptr_slice
    if r0 == 0 goto out
    r2 = r0
    r1 = ring ll
    r3 = 8
    r4 = 0
    call bpf_ringbuf_output
out:
    r0 = 0
    exit
