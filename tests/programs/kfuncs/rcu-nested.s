# expect: reject S0117
# linux 6.18: nested rcu read lock (kernel function bpf_rcu_read_lock)
# A section inside a section of its kind.
.license GPL
.hook syscall
.extern bpf_rcu_read_lock kfunc
.extern bpf_rcu_read_unlock kfunc
.prog example
    call bpf_rcu_read_lock
    call bpf_rcu_read_lock
    call bpf_rcu_read_unlock
    call bpf_rcu_read_unlock
    r0 = 0
    exit
