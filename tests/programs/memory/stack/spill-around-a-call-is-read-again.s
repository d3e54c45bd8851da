# expect: reject C0406
# linux 6.18: combined stack size of 2 calls is 528. Too large
# The slot is read once more: the spill stays.
.license GPL
.hook sched_cls
    r1 = 42
    *(u64 *)(r10 - 512) = r1
    call below
    r0 = 0
    exit
.func below
    *(u64 *)(r10 - 8) = r1
    call bpf_get_smp_processor_id
    r1 = *(u64 *)(r10 - 8)
    r2 = *(u64 *)(r10 - 8)
    r0 = 0
    exit
