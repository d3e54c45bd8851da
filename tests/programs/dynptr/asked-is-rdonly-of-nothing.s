# `bpf_dynptr_is_rdonly` of none.
# expect: reject C0409
# linux 6.18: Expected an initialized dynptr as arg #0

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_is_rdonly kfunc
.section tc

    r1 = r10
    r1 += -16
    call bpf_dynptr_is_rdonly
out:
    r0 = 0
    exit
