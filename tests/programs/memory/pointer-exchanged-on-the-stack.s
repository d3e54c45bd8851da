# An atomic operation on a spilled pointer gives the pointer back, and leaves a number there.
# expect: accept

.license GPL
.section tc

    *(u64 *)(r10 - 8) = r1
    r1 = xchg_64(r10 - 8, r1)
    r2 = *(u32 *)(r1 + 0)
    *(u64 *)(r10 - 8) = r1
    r1 = atomic_fetch_add((u64 *)(r10 - 8), r1)
    r2 = *(u32 *)(r1 + 0)
    r0 = 0
    exit
