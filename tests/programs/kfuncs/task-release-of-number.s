# expect: reject C0403
# linux 6.18: arg#0 pointer type STRUCT task_struct must point to scalar, or struct with scalar
# A number is released as a task.
.license GPL
.hook syscall
.extern bpf_task_release kfunc
.prog example
    r1 = 5
    call bpf_task_release
    r0 = 0
    exit
