# expect: reject S0117
# linux 6.18: BPF_EXIT instruction in main prog cannot be used inside bpf_preempt_disable-ed region
# A section is left open at the end.
.license GPL
.hook syscall
.extern bpf_preempt_disable kfunc
.prog example
    call bpf_preempt_disable
    r0 = 0
    exit
