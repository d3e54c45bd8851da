# expect: accept
# A second reference of a task: both are released.
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
    if r0 == 0 goto first
    r1 = r0
    call bpf_task_release
first:
    r1 = r6
    call bpf_task_release
done:
    r0 = 0
    exit
