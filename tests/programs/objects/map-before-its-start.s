# Nothing lies before a map.
# expect: reject T0701
# linux 6.18: R1 is bpf_array invalid negative access: off=-8
.license GPL
.map m kind=array key=4 value=8 entries=1
.hook raw_tracepoint
.prog main
    r1 = m ll
    r2 = *(u64 *)(r1 - 8)
    r0 = 0
    exit
