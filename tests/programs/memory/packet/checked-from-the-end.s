# `data_end < data + 14` says the same as `data + 14 > data_end`.
# expect: accept

.license GPL
.section xdp

    r2 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r2
    r4 += 14
    r0 = 1
    if r3 < r4 goto out
    r0 = *(u8 *)(r2 + 13)
out:
    exit
