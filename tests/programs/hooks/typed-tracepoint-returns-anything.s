# expect: accept
# Nobody looks at what a tracepoint program returns.
.license GPL
.section tp_btf/task_newtask
    r0 = -7
    exit
