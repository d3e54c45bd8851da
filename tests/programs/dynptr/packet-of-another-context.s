# A dynptr over the packet takes the context.
# expect: reject C0403
# linux 6.18: arg#0 expected pointer to ctx, but got fp

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_from_skb kfunc
.section tc

    r6 = r10
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += -16
    call bpf_dynptr_from_skb
out:
    r0 = 0
    exit
