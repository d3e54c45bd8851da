# expect: accept
# A subprogram makes an iterator on the caller's stack.
.license GPL
.hook syscall
.extern bpf_iter_num_new kfunc
.extern bpf_iter_num_destroy kfunc
.prog example
    r1 = r10
    r1 += -8
    call start
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r0 = 0
    exit
start:
    r2 = 0
    r3 = 10
    call bpf_iter_num_new
    r0 = 0
    exit
