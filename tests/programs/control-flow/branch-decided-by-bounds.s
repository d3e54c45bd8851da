# expect: accept

.license GPL
.section tc

    r2 = *(u32 *)(r1 + 8)
    r2 &= 7
    r0 = 0
    if r2 < 8 goto out
    r0 = *(u64 *)(r5 + 0)
out:
    exit
