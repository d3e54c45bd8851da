# expect: accept
# A subprogram destroys the caller's iterator.
.license GPL
.hook syscall
.extern bpf_iter_num_new kfunc
.extern bpf_iter_num_destroy kfunc
.prog example
    r1 = r10
    r1 += -8
    r2 = 0
    r3 = 10
    call bpf_iter_num_new
    r1 = r10
    r1 += -8
    call finish
    r0 = 0
    exit
finish:
    call bpf_iter_num_destroy
    r0 = 0
    exit
