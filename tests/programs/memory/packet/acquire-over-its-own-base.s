# A load-acquire from the packet is refused, unless its result overwrites the pointer: Linux asks too late.
# expect: accept

.license GPL
.section tc

    r2 = *(u32 *)(r1 + 76)
    r3 = *(u32 *)(r1 + 80)
    r4 = r2
    r4 += 6
    if r4 > r3 goto out
    r2 = load_acquire((u32 *)(r2 + 2))
out:
    r0 = 0
    exit
