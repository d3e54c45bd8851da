# An atomic operation is a store as well.
# expect: reject T0702
# linux 6.18: only read is supported
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = 1
    lock *(u32 *)(r0 + 0) += r1
    r0 = 0
    exit
