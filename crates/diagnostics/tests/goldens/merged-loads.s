# A compiler has merged two loads of four bytes into one of eight.
.license GPL
.hook sched_cls
.prog merged
    r0 = *(u64 *)(r1 + 4)       # pkt_type and mark
    exit
