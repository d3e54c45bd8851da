# `bpf_dynptr_is_rdonly` of a dynptr.
# expect: accept

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_from_skb kfunc
.extern bpf_dynptr_is_rdonly kfunc
.section tc

    r6 = r1
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += -16
    call bpf_dynptr_from_skb
    r1 = r10
    r1 += -16
    call bpf_dynptr_is_rdonly
out:
    r0 = 0
    exit
