# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak
# A way out of the loop that does not destroy the iterator.
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
    r1 = *(u32 *)(r0 + 0)
    if r1 == 5 goto out
    goto next
done:
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
out:
    r0 = 0
    exit
