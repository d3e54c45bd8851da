# expect: reject M0209
# linux 6.18: invalid bpf_context access off=0 size=4

.license GPL
.section tc

    *(u32 *)(r1 + 0) = 7
    r0 = 0
    exit
