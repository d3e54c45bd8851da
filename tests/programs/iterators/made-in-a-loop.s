# expect: reject C0403
# linux 6.18: expected uninitialized iter_num as arg #0
# Each turn makes an iterator and none is destroyed.
.license GPL
.hook syscall
.extern bpf_iter_num_new kfunc
.prog example
    r6 = 3
again:
    r1 = r10
    r1 += -8
    r2 = 0
    r3 = 10
    call bpf_iter_num_new
    r6 += -1
    if r6 != 0 goto again
    r0 = 0
    exit
