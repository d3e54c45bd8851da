# Also for plain packet pointers.
# expect: reject M0208
# linux 6.18: R7 invalid mem access 'scalar'

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_from_skb kfunc
.section tc

    r6 = r1
    r7 = *(u32 *)(r1 + 76)
    r8 = *(u32 *)(r1 + 80)
    r2 = r7
    r2 += 8
    if r2 > r8 goto out
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += -16
    call bpf_dynptr_from_skb
    *(u64 *)(r10 + -40) = 0
    r1 = r10
    r1 += -16
    r2 = 0
    r3 = r10
    r3 += -40
    r4 = 8
    r5 = 0
    call bpf_dynptr_write
    r1 = *(u64 *)(r7 + 0)
out:
    r0 = 0
    exit
