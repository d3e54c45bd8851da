# An object that is equal to a socket is not thereby known to be there.
# expect: reject S0104
# linux 6.18: R0 invalid mem access 'ptr_or_null_'
.license GPL
.hook sched_cls
.prog main
    r6 = *(u64 *)(r1 + 168)
    if r6 == 0 goto done
    r1 = r6
    call bpf_skc_to_tcp_sock
    if r0 != r6 goto done
    r0 = *(u64 *)(r0 + 0)
done:
    r0 = 0
    exit
