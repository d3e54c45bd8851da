# Sums the first 16 bytes of the packet, as long as there are so many.
# expect: accept

.license GPL
.section xdp

    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r5 = 0
    r6 = 0
next:
    r4 = r2
    r4 += 1
    if r4 > r3 goto out
    r0 = *(u8 *)(r2 + 0)
    r6 += r0
    r2 += 1
    r5 += 1
    if r5 < 16 goto next
out:
    r0 = 2
    exit
