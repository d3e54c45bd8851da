# expect: reject C0403
# linux 6.18: expected an initialized iter_num as arg #0
# A counter that the loop raises indexes the stack: how far is not known.
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
    r6 = 0
next:
    r1 = r10
    r1 += -8
    call bpf_iter_num_next
    if r0 == 0 goto done
    r1 = r10
    r1 += -64
    r1 += r6
    r2 = 0
    *(u8 *)(r1 + 0) = r2
    r6 += 1
    goto next
done:
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r0 = 0
    exit
