# It is named by its first byte.
# expect: reject M0217
# linux 6.18: Expected an initialized dynptr as arg #0

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_from_skb kfunc
.extern bpf_dynptr_size kfunc
.section tc

    r6 = r1
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += -16
    call bpf_dynptr_from_skb
    r1 = r10
    r1 += -8
    call bpf_dynptr_size
out:
    r0 = 0
    exit
