# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak
# The second reference of a task is not released.
.license GPL
.hook syscall
.extern bpf_task_from_pid kfunc
.extern bpf_task_acquire kfunc
.extern bpf_task_release kfunc
.prog example
    r1 = 1
    call bpf_task_from_pid
    if r0 == 0 goto done
    r6 = r0
    r1 = r6
    call bpf_task_acquire
    r1 = r6
    call bpf_task_release
done:
    r0 = 0
    exit
