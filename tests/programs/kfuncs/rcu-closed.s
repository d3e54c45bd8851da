# expect: accept
# A section is opened and closed.
.license GPL
.hook syscall
.extern bpf_rcu_read_lock kfunc
.extern bpf_rcu_read_unlock kfunc
.prog example
    call bpf_rcu_read_lock
    call bpf_rcu_read_unlock
    r0 = 0
    exit
