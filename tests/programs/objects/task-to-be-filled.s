# Memory to write may be no object of the kernel.
# expect: reject T0702
# linux 6.18: bpf_probe_read_kernel() may write into memory pointed by R1 type=trusted_ptr_
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = r0
    r2 = 8
    r3 = 0
    call bpf_probe_read_kernel
    r0 = 0
    exit
