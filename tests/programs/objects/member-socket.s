# Congestion control sees its socket as the connection that it is.
# expect: accept
.license GPL
.section struct_ops/tcp_congestion_ops.ssthresh
    r1 = *(u64 *)(r1 + 0)
    r2 = 0
    call bpf_tcp_send_ack
    r0 = 0
    exit
