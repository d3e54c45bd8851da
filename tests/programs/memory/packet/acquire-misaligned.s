# expect: reject M0213
# linux 6.18: misaligned packet access off 2+0+0+0 size 4

.license GPL
.section tc

    r2 = *(u32 *)(r1 + 76)
    r3 = *(u32 *)(r1 + 80)
    r4 = r2
    r4 += 6
    if r4 > r3 goto out
    r5 = load_acquire((u32 *)(r2 + 0))
out:
    r0 = 0
    exit
