# expect: reject P0602
# linux 6.18: cannot call kernel function from non-GPL compatible program
# Kernel functions are for GPL-compatible programs.
.license Proprietary
.hook syscall
.extern bpf_rcu_read_lock kfunc
.extern bpf_rcu_read_unlock kfunc
.prog example
    call bpf_rcu_read_lock
    call bpf_rcu_read_unlock
    r0 = 0
    exit
