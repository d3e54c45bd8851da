# A pointer to an object survives on the stack.
# expect: accept
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    *(u64 *)(r10 - 8) = r0
    r1 = *(u64 *)(r10 - 8)
    call bpf_task_pt_regs
    r0 = 0
    exit
