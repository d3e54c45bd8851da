# expect: accept
# What the first turn left empty on the stack the second has filled: it is walked, too.
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
next:
    r1 = r10
    r1 += -8
    call bpf_iter_num_next
    if r0 == 0 goto done
    r1 = 0
    *(u64 *)(r10 - 16) = r1
    goto next
done:
    r6 = *(u64 *)(r10 - 16)
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r0 = 0
    exit
