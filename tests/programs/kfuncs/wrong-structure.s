# expect: reject C0403
# linux 6.18: kernel function bpf_task_release args#0 expected pointer to STRUCT task_struct but R1 has a pointer to STRUCT bpf_cpumask
# A CPU mask is released as a task.
.license GPL
.hook syscall
.extern bpf_cpumask_create kfunc
.extern bpf_task_release kfunc
.extern bpf_cpumask_release kfunc
.prog example
    call bpf_cpumask_create
    if r0 == 0 goto done
    r1 = r0
    call bpf_task_release
done:
    r0 = 0
    exit
