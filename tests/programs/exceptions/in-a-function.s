# expect: accept
# A function throws, and nothing is held.
.license GPL
.hook sched_cls
.extern bpf_throw kfunc
.prog example
    call fails
    r0 = 0
    exit
fails:
    r1 = 0
    call bpf_throw
    r0 = 0
    exit
