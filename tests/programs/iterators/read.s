# expect: reject M0216
# linux 6.18: invalid read from stack off -8+0 size 8
# The bytes of an iterator are read.
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
    r1 = *(u64 *)(r10 - 8)
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r0 = 0
    exit
