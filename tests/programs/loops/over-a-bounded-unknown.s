# Each round is walked: at most 32 of them.
# expect: accept

.license GPL
.section tc

    r2 = *(u32 *)(r1 + 8)
    r2 &= 31
    r0 = 0
next:
    if r0 >= r2 goto out
    r0 += 1
    goto next
out:
    r0 = 0
    exit
