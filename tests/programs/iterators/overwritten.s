# expect: reject C0403
# linux 6.18: expected an initialized iter_num as arg #0
# The iterator is overwritten by a store.
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
    r1 = 0
    *(u64 *)(r10 - 8) = r1
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r0 = 0
    exit
