# Where there is no packet there is no such dynptr.
# expect: reject C0401
# linux 6.18: calling kernel function bpf_dynptr_from_skb is not allowed

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_from_skb kfunc
.section kprobe

    r6 = r1
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += -16
    call bpf_dynptr_from_skb
out:
    r0 = 0
    exit
