# expect: accept
# The context as the kernel knows it.
.license GPL
.hook sched_cls
.extern bpf_cast_to_kern_ctx kfunc
.prog example
    call bpf_cast_to_kern_ctx
    r0 = 0
    exit
