# expect: reject C0403
# linux 6.18: expected uninitialized iter_num as arg #0
# An iterator at an odd place.
.license GPL
.hook syscall
.extern bpf_iter_num_new kfunc
.prog example
    r1 = r10
    r1 += -12
    r2 = 0
    r3 = 10
    call bpf_iter_num_new
    r0 = 0
    exit
