# Of the connection only some fields may be written.
# expect: reject T0702
# linux 6.18: no write support to tcp_sock at off 16
.license GPL
.section struct_ops/tcp_congestion_ops.cong_avoid
    r1 = *(u64 *)(r1 + 0)
    *(u16 *)(r1 + 16) = 0
    r0 = 0
    exit
