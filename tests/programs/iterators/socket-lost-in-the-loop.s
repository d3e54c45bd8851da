# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak
# Every turn takes a socket and none is released.
.license GPL
.hook sched_cls
.extern bpf_iter_num_new kfunc
.extern bpf_iter_num_next kfunc
.extern bpf_iter_num_destroy kfunc
.prog example
    r7 = r1
    r1 = r10
    r1 += -8
    r2 = 0
    r3 = 10
    call bpf_iter_num_new
    r1 = 0
    *(u64 *)(r10 - 16) = r1
    *(u64 *)(r10 - 24) = r1
next:
    r1 = r10
    r1 += -8
    call bpf_iter_num_next
    if r0 == 0 goto done
    r1 = r7
    r2 = r10
    r2 += -24
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    goto next
done:
    r1 = r10
    r1 += -8
    call bpf_iter_num_destroy
    r0 = 0
    exit
