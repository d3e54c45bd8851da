# Only GPL-compatible programs read the kernel's structures.
# expect: reject T0703
# linux 6.18: Cannot access kernel 'struct tcp_sock' from non-GPL compatible program
.license BSD
.hook sched_cls
.prog main
    r1 = *(u64 *)(r1 + 168)
    if r1 == 0 goto done
    call bpf_skc_to_tcp_sock
    if r0 == 0 goto done
    r0 = *(u64 *)(r0 + 0)
done:
    r0 = 0
    exit
