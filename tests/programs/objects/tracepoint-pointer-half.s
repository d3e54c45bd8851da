# A pointer is loaded whole.
# expect: reject M0209
# linux 6.18: invalid bpf_context access off=0 size=4
.license GPL
.section tp_btf/task_newtask
    r1 = *(u32 *)(r1 + 0)
    r0 = 0
    exit
