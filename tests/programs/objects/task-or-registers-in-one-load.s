# One load may follow pointers of different trust.
# expect: accept
.license GPL
.hook raw_tracepoint
.prog main
    r6 = *(u64 *)(r1 + 0)
    call bpf_get_current_task_btf
    if r6 == 0 goto load
    r1 = r0
    call bpf_task_pt_regs
load:
    r1 = *(u32 *)(r0 + 0)
    r0 = 0
    exit
