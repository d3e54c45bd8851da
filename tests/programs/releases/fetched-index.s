# expect: accept
# The old value that the atomic operation hands out is an index. On the way that is walked first it is 1; on the other any number lay
# in the slot, and is taken for covered, since nobody noted that it is relied on. A fault of Linux 6.18, which thus reads beyond the
# value: nothing here runs the program unwatched. (Linux 6.12 refuses it.)

.license GPL
.data out bytes=00 size=64
.section classifier
main:
    r9 = out ll
    r6 = *(u32 *)(r1 + 0)
    *(u64 *)(r10 - 8) = 1
    r7 = 0
    r2 = 2
    r3 = 3
    r4 = 4
    if r6 > 100 goto other
    goto join
other:
    *(u64 *)(r10 - 8) = r6
join:
    r7 = atomic_fetch_or((u64 *)(r10 - 8), r7)
    r9 += r7
    r0 = *(u8 *)(r9 + 0)
    r0 = 0
    exit
