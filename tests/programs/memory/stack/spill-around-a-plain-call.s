# expect: reject C0406
# linux 6.18: combined stack size of 2 calls is 528. Too large
# This helper destroys r1: the spill stays, and takes stack.
.license GPL
.hook sched_cls
    r1 = 42
    *(u64 *)(r10 - 512) = r1
    call below
    r0 = 0
    exit
.func below
    *(u64 *)(r10 - 8) = r1
    call bpf_ktime_get_ns
    r1 = *(u64 *)(r10 - 8)
    r0 = 0
    exit
