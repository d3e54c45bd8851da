# A map's own fields are read-only.
# expect: reject M0211
# linux 6.18: only read from bpf_array is supported
.license GPL
.map m kind=array key=4 value=8 entries=1
.hook raw_tracepoint
.prog main
    r1 = m ll
    *(u64 *)(r1 + 0) = 0
    r0 = 0
    exit
