# expect: reject M0209
# linux 6.18: invalid bpf_context access off=8 size=4

.license GPL
.section cgroup/connect4

    r0 = *(u32 *)(r1 + 8)
    r0 = 1
    exit
