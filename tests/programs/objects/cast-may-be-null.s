# A cast of a socket may give NULL.
# expect: reject S0104
# linux 6.18: R0 invalid mem access 'ptr_or_null_'
.license GPL
.hook sched_cls
.prog main
    r1 = *(u64 *)(r1 + 168)
    if r1 == 0 goto done
    call bpf_skc_to_tcp_sock
    r0 = *(u64 *)(r0 + 0)
done:
    r0 = 0
    exit
