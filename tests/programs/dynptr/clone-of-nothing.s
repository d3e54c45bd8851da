# Only an initialised dynptr is cloned.
# expect: reject C0409
# linux 6.18: Expected an initialized dynptr as arg #0

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_clone kfunc
.section tc

    r1 = r10
    r1 += -16
    r2 = r10
    r2 += -48
    call bpf_dynptr_clone
out:
    r0 = 0
    exit
