# The data must lie in a map value.
# expect: reject C0411
# linux 6.18: Unsupported reg type fp for bpf_dynptr_from_mem data

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    *(u64 *)(r10 - 40) = 0
    r6 = r10
    r6 += -40
    r1 = r6
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -24
    call bpf_dynptr_from_mem
out:
    r0 = 0
    exit
