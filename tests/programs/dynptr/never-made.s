# Nothing there yet.
# expect: reject C0409
# linux 6.18: Expected an initialized dynptr as arg #2

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    *(u64 *)(r10 - 24) = 0
    *(u64 *)(r10 - 16) = 0
    r1 = r10
    r1 += -40
    r2 = 8
    r3 = r10
    r3 += -24
    r4 = 0
    r5 = 0
    call bpf_dynptr_read
out:
    r0 = 0
    exit
