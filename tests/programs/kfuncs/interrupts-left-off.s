# expect: reject S0117
# linux 6.18: BPF_EXIT instruction in main prog cannot be used inside bpf_local_irq_save-ed region
# Interrupts are left off.
.license GPL
.hook syscall
.extern bpf_local_irq_save kfunc
.prog example
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
    r0 = 0
    exit
