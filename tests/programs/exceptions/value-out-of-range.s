# expect: accept
# What is thrown is what an XDP program would return: any number will do.
.license GPL
.hook xdp
.extern bpf_throw kfunc
.prog example
    r1 = 77
    call bpf_throw
    r0 = 0
    exit
