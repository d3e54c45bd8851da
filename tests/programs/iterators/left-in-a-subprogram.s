# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak
# A subprogram leaves with an iterator on its own stack.
.license GPL
.hook syscall
.extern bpf_iter_num_new kfunc
.prog example
    call start
    r0 = 0
    exit
start:
    r1 = r10
    r1 += -8
    r2 = 0
    r3 = 10
    call bpf_iter_num_new
    r0 = 0
    exit
