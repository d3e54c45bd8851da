# expect: reject S0117
# linux 6.18: sleepable helper bpf_copy_from_user#148 in IRQ-disabled region
# A helper that may sleep is called with interrupts off.
.license GPL
.hook syscall
.extern bpf_local_irq_save kfunc
.extern bpf_local_irq_restore kfunc
.prog example
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
    r1 = r10
    r1 += -16
    r2 = 8
    r3 = 0
    call bpf_copy_from_user
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = 0
    exit
