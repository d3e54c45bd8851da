# Nothing lies before them.
# expect: reject M0209
# linux 6.18: invalid bpf_context access off=-8 size=8
.license GPL
.section tp_btf/task_newtask
    r1 = *(u64 *)(r1 - 8)
    r0 = 0
    exit
