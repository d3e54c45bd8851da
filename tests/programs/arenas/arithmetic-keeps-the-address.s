# Whatever is computed with an address in the arena, it stays one.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r6 = r1
    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r2 = 5
    r2 *= r1
    r2 <<= 3
    w2 += 77
    r2 -= r6
    r2 ^= r10
    r0 = *(u64 *)(r2 + 0)
    r0 = 0
    exit
