# The kernel's structures are read-only.
# expect: reject T0702
# linux 6.18: only read is supported
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    *(u32 *)(r0 + 0) = 0
    r0 = 0
    exit
