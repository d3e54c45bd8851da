# expect: reject P0602
# linux 6.18: attach to unsupported member get_info of struct tcp_congestion_ops
# This member is the kernel's own.
.license GPL
.section struct_ops/tcp_congestion_ops.get_info
    r0 = 0
    exit
