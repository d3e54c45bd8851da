# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak
# Interrupts are left off and a task is kept: the task is what Linux names.
.license GPL
.hook syscall
.extern bpf_local_irq_save kfunc
.extern bpf_task_from_pid kfunc
.prog example
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
    r1 = 1
    call bpf_task_from_pid
    r0 = 0
    exit
