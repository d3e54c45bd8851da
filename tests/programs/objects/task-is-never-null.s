# What is trusted is never NULL: that way is not walked.
# expect: accept
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    if r0 == 0 goto null
    r0 = 0
    exit
null:
    r0 = *(u64 *)(r9 + 0)
    exit
