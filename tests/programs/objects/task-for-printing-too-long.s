# ... and no longer.
# expect: reject T0701
# linux 6.18: access beyond struct task_struct at off 0 size 100000
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = r0
    r2 = 100000
    r3 = 1
    call bpf_trace_printk
    r0 = 0
    exit
