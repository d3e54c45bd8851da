# expect: reject S0120
# linux 6.18: bpf_throw would lead to reference leak
# A function throws while its caller holds a socket.
.license GPL
.hook sched_cls
.extern bpf_throw kfunc
.prog example
    *(u64 *)(r10 - 8) = 0
    *(u64 *)(r10 - 16) = 0
    r2 = r10
    r2 += -16
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    if r0 == 0 goto done
    r6 = r0
    call fails
    r1 = r6
    call bpf_sk_release
done:
    r0 = 0
    exit
fails:
    r1 = 0
    call bpf_throw
    r0 = 0
    exit
