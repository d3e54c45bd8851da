# expect: accept
# A section inside a section of its kind.
.license GPL
.hook syscall
.extern bpf_preempt_disable kfunc
.extern bpf_preempt_enable kfunc
.prog example
    call bpf_preempt_disable
    call bpf_preempt_disable
    call bpf_preempt_enable
    call bpf_preempt_enable
    r0 = 0
    exit
