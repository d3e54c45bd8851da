# A number may be loaded narrow, from its start.
# expect: accept
.license GPL
.section tp_btf/task_newtask
    r1 = *(u32 *)(r1 + 8)
    r0 = 0
    exit
