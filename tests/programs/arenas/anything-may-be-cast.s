# Whatever a register holds may be cast: only its lower half counts.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r2 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r0 = *(u64 *)(r1 + 0)
    r2 = addr_space_cast(r10, 0, 1)
    r0 = *(u64 *)(r2 + 0)
    r0 = 0
    exit
