# A number is no pointer.
# expect: reject M0211
# linux 6.18: R1 invalid mem access 'scalar'
.license GPL
.section tp_btf/task_newtask
    r1 = *(u64 *)(r1 + 8)
    r2 = *(u64 *)(r1 + 0)
    r0 = 0
    exit
