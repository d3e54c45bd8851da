# expect: reject S0117
# linux 6.18: unmatched rcu read unlock (kernel function bpf_rcu_read_unlock)
# A section is closed that was never opened.
.license GPL
.hook syscall
.extern bpf_rcu_read_unlock kfunc
.prog example
    call bpf_rcu_read_unlock
    r0 = 0
    exit
