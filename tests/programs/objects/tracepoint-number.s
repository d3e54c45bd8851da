# ... and numbers.
# expect: accept
.license GPL
.section tp_btf/task_newtask
    r1 = *(u64 *)(r1 + 8)
    r1 += 1
    r0 = 0
    exit
