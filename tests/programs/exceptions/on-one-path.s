# expect: reject S0120
# linux 6.18: bpf_throw would lead to reference leak
# One path throws and keeps the socket, the other releases it.
.license GPL
.hook sched_cls
.extern bpf_throw kfunc
.prog example
    r7 = *(u32 *)(r1 + 8)
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
    if r7 == 9 goto bad
    r1 = r6
    call bpf_sk_release
    goto done
bad:
    r1 = 0
    call bpf_throw
done:
    r0 = 0
    exit
