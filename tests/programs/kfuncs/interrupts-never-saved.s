# expect: reject C0403
# linux 6.18: expected an initialized irq flag as arg#0
# A state is restored that was never saved.
.license GPL
.hook syscall
.extern bpf_local_irq_restore kfunc
.prog example
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = 0
    exit
