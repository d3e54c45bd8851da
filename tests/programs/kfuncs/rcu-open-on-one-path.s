# expect: reject S0117
# linux 6.18: BPF_EXIT instruction in main prog cannot be used inside bpf_rcu_read_lock-ed region
# A section is left open on one path.
.license GPL
.hook sched_cls
.extern bpf_rcu_read_lock kfunc
.extern bpf_rcu_read_unlock kfunc
.prog example
    r6 = *(u32 *)(r1 + 8)
    call bpf_rcu_read_lock
    if r6 == 7 goto done
    call bpf_rcu_read_unlock
done:
    r0 = 0
    exit
