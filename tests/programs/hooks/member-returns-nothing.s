# expect: accept
# A member that returns nothing need not set r0.
.license GPL
.section struct_ops/tcp_congestion_ops.set_state
    exit
