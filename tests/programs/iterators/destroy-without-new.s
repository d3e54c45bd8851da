# expect: reject C0403
# linux 6.18: expected an initialized iter_num as arg #0
# An iterator destroyed that was never made.
.license GPL
.hook syscall
.extern bpf_iter_num_destroy kfunc
.prog example
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r0 = 0
    exit
