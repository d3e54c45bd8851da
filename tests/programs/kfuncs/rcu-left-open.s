# expect: reject S0117
# linux 6.18: BPF_EXIT instruction in main prog cannot be used inside bpf_rcu_read_lock-ed region
# A section is left open at the end.
.license GPL
.hook syscall
.extern bpf_rcu_read_lock kfunc
.prog example
    call bpf_rcu_read_lock
    r0 = 0
    exit
