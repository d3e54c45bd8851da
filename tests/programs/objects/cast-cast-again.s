# A kernel's socket passes where sockets are cast.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    r1 = *(u64 *)(r1 + 168)
    if r1 == 0 goto done
    call bpf_skc_to_tcp_sock
    if r0 == 0 goto done
    r1 = r0
    call bpf_skc_to_udp6_sock
done:
    r0 = 0
    exit
