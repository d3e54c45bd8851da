# expect: reject C0403
# linux 6.18: R1 is not a scalar
# A pointer is thrown.
.license GPL
.hook cgroup_sock/sock_create
.extern bpf_throw kfunc
.prog example
    r1 = r10
    call bpf_throw
    r0 = 1
    exit
