# expect: reject M0209
# linux 6.18: invalid bpf_context access off=8 size=8

.license GPL
.section tc

    r0 = *(u64 *)(r1 + 8)
    exit
