# expect: accept
# As `fetched-index`, but safe either way: the number only chooses. (Linux 6.18 removes the instructions after `chosen`, to which it
# believes no path comes; 6.12 does not.)

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
    r0 = 0
    if r7 > 100 goto chosen
    exit
chosen:
    r0 = 1
    *(u8 *)(r9 + 0) = 1
    exit
