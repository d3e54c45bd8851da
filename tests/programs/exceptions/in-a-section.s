# expect: reject S0117
# linux 6.18: bpf_throw cannot be used inside bpf_rcu_read_lock-ed region
# An exception inside an RCU section.
.license GPL
.hook sched_cls
.extern bpf_throw kfunc
.extern bpf_rcu_read_lock kfunc
.extern bpf_rcu_read_unlock kfunc
.prog example
    call bpf_rcu_read_lock
    r1 = 0
    call bpf_throw
    call bpf_rcu_read_unlock
    r0 = 0
    exit
