# expect: reject M0209
# linux 6.18: invalid bpf_context access off=8 size=4

.license GPL
.section socket

    r2 = 7
    *(u32 *)(r1 + 8) = r2
    r0 = 0
    exit
