# expect: reject S0117
# linux 6.18: cannot restore irq state out of order, expected id=2 acquired at insn_idx=5
# Two states, the older restored first.
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
    call bpf_local_irq_save
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r1 = r10
    r1 += -16
    call bpf_local_irq_restore
    r0 = 0
    exit
