# expect: accept
# What wants a reference-counted mask may be given the one that was made.
.license GPL
.hook syscall
.extern bpf_cpumask_create kfunc
.extern bpf_cpumask_set_cpu kfunc
.extern bpf_cpumask_release kfunc
.prog example
    call bpf_cpumask_create
    if r0 == 0 goto done
    r6 = r0
    r1 = 0
    r2 = r6
    call bpf_cpumask_set_cpu
    r1 = r6
    call bpf_cpumask_release
done:
    r0 = 0
    exit
