# ... beside the numbers that the member takes.
# expect: accept
.license GPL
.section struct_ops/tcp_congestion_ops.cong_avoid
    r2 = *(u32 *)(r1 + 8)
    r2 = *(u32 *)(r1 + 16)
    r0 = 0
    exit
