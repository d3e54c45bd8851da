# expect: reject C0403
# linux 6.18: R1 is not a scalar
# A pointer where a number is asked for.
.license GPL
.hook syscall
.extern bpf_task_from_pid kfunc
.prog example
    r1 = r10
    call bpf_task_from_pid
    r0 = 0
    exit
