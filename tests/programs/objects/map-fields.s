# The fields of a map itself may be read.
# expect: accept
.license GPL
.map m kind=array key=4 value=8 entries=1
.hook raw_tracepoint
.prog main
    r1 = m ll
    r2 = *(u32 *)(r1 + 0)
    r0 = 0
    exit
