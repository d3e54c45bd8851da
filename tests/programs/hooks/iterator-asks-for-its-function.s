# expect: reject P0602
# linux 6.18: func bpf_get_func_ip#173 supported only for fentry/fexit/fmod_ret programs
# Only programs around a function have its address.
.license GPL
.section iter/task
    call bpf_get_func_ip
    r0 = 0
    exit
