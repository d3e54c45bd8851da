# expect: reject M0205
# linux 6.18: R2 offset is outside of the packet

.license GPL
.section xdp

    r2 = *(u32 *)(r1 + 0)
    r0 = *(u8 *)(r2 + 0)
    exit
