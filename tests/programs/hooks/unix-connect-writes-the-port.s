# expect: accept
# Unix sockets share the context of the internet ones: the port may be written.
.license GPL
.hook cgroup_sock_addr/connect_unix
    r2 = 0
    *(u32 *)(r1 + 24) = r2
    r0 = 1
    exit
