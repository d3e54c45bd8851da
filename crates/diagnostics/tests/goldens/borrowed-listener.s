# The listener is lent, not acquired.
.license GPL
.hook sched_cls
.prog listener
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
    r1 = r0
    call bpf_get_listener_sock
    r7 = r0
    r1 = r6
    call bpf_sk_release
    if r7 == 0 goto done
    r1 = r7
    call bpf_sk_release
done:
    r0 = 0
    exit
