# expect: reject M0209
# linux 6.18: invalid bpf_context access off=76 size=4

.license GPL
.section socket

    r2 = *(u32 *)(r1 + 76)
    r0 = 0
    exit
