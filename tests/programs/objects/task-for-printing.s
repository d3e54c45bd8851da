# Memory to read may be a trusted object: as long as the bytes are there.
# expect: accept
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r6 = r0
    *(u64 *)(r10 - 8) = 0x7525
    r1 = r6
    r2 = 4
    r3 = 1
    call bpf_trace_printk
    r0 = 0
    exit
