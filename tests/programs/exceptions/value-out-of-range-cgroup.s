# expect: reject P0601
# linux 6.18: At program exit the register R1 has smin=77 smax=77 should have been in [0, 1]
# What is thrown is what the program would return.
.license GPL
.hook cgroup_sock/sock_create
.extern bpf_throw kfunc
.prog example
    r1 = 77
    call bpf_throw
    r0 = 1
    exit
