# expect: reject S0101
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak
# A task that is never released.
.license GPL
.hook syscall
.extern bpf_task_from_pid kfunc
.prog example
    r1 = 1
    call bpf_task_from_pid
    if r0 == 0 goto done
    r6 = r0
done:
    r0 = 0
    exit
