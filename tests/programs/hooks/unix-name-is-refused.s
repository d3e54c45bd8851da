# expect: reject P0601
# linux 6.18: At program exit the register R0 has smin=0 smax=0 should have been in [1, 1]
# The hooks of names may only allow.
.license GPL
.hook cgroup_sock_addr/getpeername_unix
    r0 = 0
    exit
