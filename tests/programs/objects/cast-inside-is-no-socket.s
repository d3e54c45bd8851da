# ... if it points to its start.
# expect: reject T0704
# linux 6.18: R1 is of type tcp_sock but sock_common is expected
.license GPL
.hook sched_cls
.prog main
    r1 = *(u64 *)(r1 + 168)
    if r1 == 0 goto done
    call bpf_skc_to_tcp_sock
    if r0 == 0 goto done
    r1 = r0
    r1 += 8
    call bpf_skc_to_udp6_sock
done:
    r0 = 0
    exit
