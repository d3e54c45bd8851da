# A structure of another type.
# expect: reject T0704
# linux 6.18: R1 is of type pt_regs but task_struct is expected
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = r0
    call bpf_task_pt_regs
    r1 = r0
    call bpf_task_pt_regs
    r0 = 0
    exit
