# expect: reject S0117
# linux 6.18: sleepable helper bpf_copy_from_user#148 in non-preemptible region
# A helper that may sleep is called inside a section.
.license GPL
.hook syscall
.extern bpf_preempt_disable kfunc
.extern bpf_preempt_enable kfunc
.prog example
    call bpf_preempt_disable
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = 0
    call bpf_copy_from_user
    call bpf_preempt_enable
    r0 = 0
    exit
