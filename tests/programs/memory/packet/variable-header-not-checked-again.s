# expect: reject M0205
# linux 6.18: R2 offset is outside of the packet

.license GPL
.section xdp

    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 64
    r0 = 1
    if r4 > r3 goto out
    r5 = *(u8 *)(r2 + 0)
    r2 += r5
    r0 = *(u8 *)(r2 + 0)
out:
    exit
