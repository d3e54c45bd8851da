# Only where packets may be.
# expect: reject M0206
# linux 6.18: the prog does not allow writes to packet data

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_from_skb kfunc
.extern bpf_dynptr_slice_rdwr kfunc
.section cgroup_skb/ingress

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
    call bpf_dynptr_slice_rdwr
    if r0 == 0 goto out
    *(u64 *)(r0 + 0) = 1
out:
    r0 = 0
    exit
