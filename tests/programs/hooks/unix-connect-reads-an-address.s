# expect: reject M0209
# linux 6.18: invalid bpf_context access off=4 size=4
# A Unix socket has no IPv4 address.
.license GPL
.hook cgroup_sock_addr/connect_unix
    r2 = *(u32 *)(r1 + 4)
    r0 = 1
    exit
