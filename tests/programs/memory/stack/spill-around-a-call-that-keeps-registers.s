# expect: accept
# This helper becomes three instructions that destroy only r0: the spill goes, and takes no stack.
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
    r0 = 0
    exit
