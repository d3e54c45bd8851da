# expect: reject M0210
# linux 6.18: R1 must have zero offset when passed to release func or trusted arg to kfunc
# A task is released by a pointer into it.
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
    r1 += 8
    call bpf_task_release
done:
    r0 = 0
    exit
