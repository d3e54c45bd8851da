# What is not trusted may be NULL whatever its type says: both ways are walked.
# expect: reject R0301
# linux 6.18: R9 !read_ok
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = r0
    call bpf_task_pt_regs
    if r0 == 0 goto null
    r0 = 0
    exit
null:
    r0 = *(u64 *)(r9 + 0)
    exit
