# expect: reject S0117
# linux 6.18: sleepable helper bpf_copy_from_user#148 in rcu_read_lock region
# A helper that may sleep is called inside a section.
.license GPL
.hook syscall
.extern bpf_rcu_read_lock kfunc
.extern bpf_rcu_read_unlock kfunc
.prog example
    call bpf_rcu_read_lock
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = 0
    call bpf_copy_from_user
    call bpf_rcu_read_unlock
    r0 = 0
    exit
