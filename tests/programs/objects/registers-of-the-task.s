# A helper takes the task that another gave.
# expect: accept
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = r0
    call bpf_task_pt_regs
    r1 = *(u64 *)(r0 + 0)
    r0 = 0
    exit
