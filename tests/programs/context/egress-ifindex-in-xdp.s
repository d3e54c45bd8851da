# Readable only where the program runs behind a device map.
# expect: reject M0209
# linux 6.18: invalid bpf_context access off=20 size=4

.license GPL
.section xdp

    r0 = *(u32 *)(r1 + 20)
    exit
