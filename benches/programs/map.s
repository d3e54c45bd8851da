# Counts in a hash table: a look-up, an update.
    r6 = 0
    *(u32 *)(r10 - 4) = 7
    *(u64 *)(r10 - 16) = 0
    r1 = table ll
    r2 = r10
    r2 += -4
    call 1
    if r0 == 0 goto new
    r6 = *(u64 *)(r0 + 0)
new:
    r6 += 1
    *(u64 *)(r10 - 16) = r6
    r1 = table ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -16
    r4 = 0
    call 2
    r0 = 2
    exit
