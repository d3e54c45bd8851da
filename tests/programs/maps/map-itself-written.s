# expect: reject M0211
# linux 6.18: only read from bpf_array is supported

.license GPL
.map table kind=array key=4 value=8 entries=1
.section tc

    r1 = table ll
    *(u64 *)(r1 + 0) = 1
    r0 = 0
    exit
