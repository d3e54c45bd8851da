# `data + 14 >= data_end` is the failing branch: 14 bytes and one more are there.
# expect: accept

.license GPL
.section xdp

    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 14
    r0 = 1
    if r4 >= r3 goto out
    r0 = *(u8 *)(r2 + 14)
out:
    exit
