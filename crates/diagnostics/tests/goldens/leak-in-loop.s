# Each turn looks a socket up; the one that is found first is left behind by the second turn.
.license GPL
.hook sched_cls
.prog turns
    r6 = r1
    r8 = 0
    *(u64 *)(r10 - 8) = 0
    *(u64 *)(r10 - 16) = 0
again:
    r1 = r6
    r2 = r10
    r2 += -16
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_udp
    r7 = r0
    r8 += 1
    if r8 < 3 goto again
    if r7 == 0 goto done
    r1 = r7
    call bpf_sk_release
done:
    r0 = 0
    exit
