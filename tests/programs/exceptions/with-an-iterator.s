# expect: reject S0120
# linux 6.18: bpf_throw would lead to reference leak
# An exception in a loop over numbers.
.license GPL
.hook sched_cls
.extern bpf_throw kfunc
.extern bpf_iter_num_new kfunc
.prog example
    r1 = r10
    r1 += -8
    r2 = 0
    r3 = 10
    call bpf_iter_num_new
    r1 = 0
    call bpf_throw
    r0 = 0
    exit
