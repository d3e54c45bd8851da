# ... and nothing else.
# expect: reject M0209
# linux 6.18: invalid bpf_context access off=24 size=4
.license GPL
.section struct_ops/tcp_congestion_ops.cong_avoid
    r2 = *(u32 *)(r1 + 24)
    r0 = 0
    exit
