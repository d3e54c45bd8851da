# expect: reject S0103
# linux 6.18: arg#0 pointer type STRUCT task_struct must point to scalar, or struct with scalar
# A task released again.
.license GPL
.hook syscall
.extern bpf_task_from_pid kfunc
.extern bpf_task_release kfunc
.prog example
    r1 = 1
    call bpf_task_from_pid
    if r0 == 0 goto done
    r6 = r0
    r1 = r6
    call bpf_task_release
    r1 = r6
    call bpf_task_release
done:
    r0 = 0
    exit
