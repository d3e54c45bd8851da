# A tracepoint hands out its task: trusted, never NULL.
# expect: accept
.license GPL
.section tp_btf/task_newtask
    r1 = *(u64 *)(r1 + 0)
    call bpf_task_pt_regs
    r0 = 0
    exit
