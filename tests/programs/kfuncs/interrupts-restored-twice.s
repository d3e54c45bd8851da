# expect: reject S0105
# linux 6.18: expected an initialized irq flag as arg#0
# The saved state is restored again.
.license GPL
.hook syscall
.extern bpf_local_irq_save kfunc
.extern bpf_local_irq_restore kfunc
.prog example
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = 0
    exit
