# expect: accept

.license GPL
.section sk_lookup

    r2 = *(u32 *)(r1 + 44)
    r0 = 1
    if r2 == 7 goto out
    r0 = 0
out:
    exit
