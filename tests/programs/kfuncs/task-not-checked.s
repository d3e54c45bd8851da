# expect: reject S0104
# linux 6.18: Possibly NULL pointer passed to trusted arg0
# A task that may be NULL is released.
.license GPL
.hook syscall
.extern bpf_task_from_pid kfunc
.extern bpf_task_release kfunc
.prog example
    r1 = 1
    call bpf_task_from_pid
    r1 = r0
    call bpf_task_release
    r0 = 0
    exit
