# A spilled constant keeps its value: it is a good index of eight bytes of stack.
# expect: accept

.license GPL
.section tc

    r2 = -8
    *(u64 *)(r10 - 16) = r2
    *(u64 *)(r10 - 8) = 5
    r3 = *(u64 *)(r10 - 16)
    r4 = r10
    r4 += r3
    r0 = *(u64 *)(r4 + 0)
    exit
