# expect: reject P0602
# linux 6.18: helper call is not allowed in probe
# `bpf_d_path` sleeps on locks that a tracepoint may hold.
.license GPL
.section tp_btf/task_newtask
    call bpf_d_path
    r0 = 0
    exit
