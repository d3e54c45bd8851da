# The difference of two packet pointers is a number; the bound it gives is not used for access.
# expect: accept

.license GPL
.section xdp

    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r3 -= r2
    r0 = 1
    if r3 > 100 goto out
    r0 = 2
out:
    exit
