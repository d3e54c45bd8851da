# An address that was cast is followed without bounds, at any width and alignment.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r0 = *(u64 *)(r1 + 3)
    r0 = *(u8 *)(r1 - 8)
    *(u32 *)(r1 + 32767) = r0
    *(u64 *)(r1 + 0) = r10
    *(u16 *)(r1 + 0) = 7
    r0 = *(u32 *)(r1 + 0)
    exit
