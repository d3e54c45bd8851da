# A function without stack takes none, below one that takes all. (Linux 6.1 counts 32 bytes for it.)
# expect: accept
.license GPL
.hook sched_cls
.prog main
    r1 = 42
    *(u64 *)(r10 - 512) = r1
    call nothing
    r0 = 0
    exit
.func nothing
    r0 = 0
    exit
