# expect: reject M0214
# linux 6.18: BPF_ATOMIC loads from R2 pkt is not allowed

.license GPL
.section tc

    r2 = *(u32 *)(r1 + 76)
    r3 = *(u32 *)(r1 + 80)
    r4 = r2
    r4 += 6
    if r4 > r3 goto out
    r5 = load_acquire((u32 *)(r2 + 2))
out:
    r0 = 0
    exit
