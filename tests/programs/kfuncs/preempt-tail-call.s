# expect: reject S0117
# linux 6.18: tail_call cannot be used inside bpf_preempt_disable-ed region
# A tail call inside a section.
.license GPL
.hook sched_cls
.extern bpf_preempt_disable kfunc
.extern bpf_preempt_enable kfunc
.map jump kind=prog_array key=4 value=4 entries=1
.prog example
    r6 = r1
    call bpf_preempt_disable
    r1 = r6
    r2 = jump ll
    r3 = 0
    call bpf_tail_call
    call bpf_preempt_enable
    r0 = 0
    exit
