# expect: reject S0105
# linux 6.18: expected an initialized iter_num as arg #0
# The next element of an iterator that is gone.
.license GPL
.hook syscall
.extern bpf_iter_num_new kfunc
.extern bpf_iter_num_next kfunc
.extern bpf_iter_num_destroy kfunc
.prog example
    r1 = r10
    r1 += -8
    r2 = 0
    r3 = 10
    call bpf_iter_num_new
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r1 = r10
    r1 += -8
    call bpf_iter_num_next
    r0 = 0
    exit
