# ... as a whole.
# expect: reject M0203
# linux 6.18: invalid size of register spill
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    *(u32 *)(r10 - 8) = r0
    r0 = 0
    exit
