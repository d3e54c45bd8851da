# expect: accept
# A loop in a loop.
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
outer:
    r1 = r10
    r1 += -8
    call bpf_iter_num_next
    if r0 == 0 goto done
    r1 = r10
    r1 += -16
    r2 = 0
    r3 = 5
    call bpf_iter_num_new
inner:
    r1 = r10
    r1 += -16
    call bpf_iter_num_next
    if r0 == 0 goto next
    goto inner
next:
    r1 = r10
    r1 += -16
    call bpf_iter_num_destroy
    goto outer
done:
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r0 = 0
    exit
