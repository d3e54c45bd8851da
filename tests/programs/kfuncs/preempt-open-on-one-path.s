# expect: reject S0117
# linux 6.18: BPF_EXIT instruction in main prog cannot be used inside bpf_preempt_disable-ed region
# A section is left open on one path.
.license GPL
.hook sched_cls
.extern bpf_preempt_disable kfunc
.extern bpf_preempt_enable kfunc
.prog example
    r6 = *(u32 *)(r1 + 8)
    call bpf_preempt_disable
    if r6 == 7 goto done
    call bpf_preempt_enable
done:
    r0 = 0
    exit
