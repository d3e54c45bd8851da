# A known offset may be added before.
# expect: accept
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r0 += 4
    r1 = *(u32 *)(r0 - 4)
    r0 = 0
    exit
