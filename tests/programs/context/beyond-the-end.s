# expect: reject M0209
# linux 6.18: invalid bpf_context access off=192 size=4

.license GPL
.section tc

    r0 = *(u32 *)(r1 + 192)
    exit
