# expect: reject C0403
# linux 6.18: arg#0 expected pointer to ctx, but got scalar
# A number as the context.
.license GPL
.hook sched_cls
.extern bpf_cast_to_kern_ctx kfunc
.prog example
    r1 = 0
    call bpf_cast_to_kern_ctx
    r0 = 0
    exit
