# A number at the start of the current task.
# expect: accept
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = *(u32 *)(r0 + 0)
    r0 = 0
    exit
