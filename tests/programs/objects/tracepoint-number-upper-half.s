# ... only from its start.
# expect: reject M0209
# linux 6.18: invalid bpf_context access off=12 size=4
.license GPL
.section tp_btf/task_newtask
    r1 = *(u32 *)(r1 + 12)
    r0 = 0
    exit
