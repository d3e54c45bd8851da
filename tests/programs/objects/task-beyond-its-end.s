# No task is that long.
# expect: reject T0701
# linux 6.18: access beyond struct task_struct at off 32000 size 8
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = *(u64 *)(r0 + 32000)
    r0 = 0
    exit
