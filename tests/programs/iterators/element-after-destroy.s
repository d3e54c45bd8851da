# expect: reject S0105
# linux 6.18: R6 invalid mem access 'scalar'
# An element used after its iterator is gone.
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
    call bpf_iter_num_next
    if r0 == 0 goto done
    r6 = r0
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r1 = *(u32 *)(r6 + 0)
    r0 = 0
    exit
done:
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r0 = 0
    exit
