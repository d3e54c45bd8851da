# expect: reject S0117
# linux 6.18: unmatched attempt to enable preemption (kernel function bpf_preempt_enable)
# A section is closed that was never opened.
.license GPL
.hook syscall
.extern bpf_preempt_enable kfunc
.prog example
    call bpf_preempt_enable
    r0 = 0
    exit
