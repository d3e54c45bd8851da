# expect: accept
# A reference-counted CPU mask passes for the plain mask that it begins with.
.license GPL
.hook syscall
.extern bpf_cpumask_create kfunc
.extern bpf_cpumask_first kfunc
.extern bpf_cpumask_release kfunc
.prog example
    call bpf_cpumask_create
    if r0 == 0 goto done
    r6 = r0
    r1 = r6
    call bpf_cpumask_first
    r1 = r6
    call bpf_cpumask_release
done:
    r0 = 0
    exit
