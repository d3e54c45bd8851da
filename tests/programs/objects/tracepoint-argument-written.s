# Arguments are read-only.
# expect: reject M0209
# linux 6.18: invalid bpf_context access off=0 size=8
.license GPL
.section tp_btf/task_newtask
    *(u64 *)(r1 + 0) = 0
    r0 = 0
    exit
