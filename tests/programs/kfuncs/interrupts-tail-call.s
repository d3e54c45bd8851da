# expect: reject S0117
# linux 6.18: tail_call cannot be used inside bpf_local_irq_save-ed region
# A tail call with interrupts off.
.license GPL
.map jump kind=prog_array key=4 value=4 entries=1
.hook sched_cls
.extern bpf_local_irq_save kfunc
.extern bpf_local_irq_restore kfunc
.prog example
    r6 = r1
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
    r1 = r6
    r2 = jump ll
    r3 = 0
    call bpf_tail_call
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = 0
    exit
