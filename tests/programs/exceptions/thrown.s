# expect: accept
# An exception ends the program.
.license GPL
.hook sched_cls
.extern bpf_throw kfunc
.prog example
    r1 = 0
    call bpf_throw
    r0 = 0
    exit
