# Nor the context.
# expect: reject C0403
# linux 6.18: arg#0 expected pointer to stack or const struct bpf_dynptr

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.extern bpf_dynptr_size kfunc
.section tc

    call bpf_dynptr_size
out:
    r0 = 0
    exit
