# expect: reject M0216
# linux 6.18: invalid read from stack off -8+0 size 8
# The saved state is read.
.license GPL
.hook syscall
.extern bpf_local_irq_save kfunc
.extern bpf_local_irq_restore kfunc
.prog example
    r1 = r10
    r1 += -8
    call bpf_local_irq_save
    r1 = *(u64 *)(r10 - 8)
    r1 = r10
    r1 += -8
    call bpf_local_irq_restore
    r0 = 0
    exit
