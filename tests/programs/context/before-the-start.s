# expect: reject M0209
# linux 6.18: invalid bpf_context access off=-4 size=4

.license GPL
.section xdp

    r0 = *(u32 *)(r1 - 4)
    exit
