# expect: reject R0301
# linux 6.18: R0 !read_ok
# A member that returns a number must.
.license GPL
.section struct_ops/tcp_congestion_ops.ssthresh
    exit
