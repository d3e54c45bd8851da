# A load from an arena may extend the sign.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r0 = *(s32 *)(r1 + 0)
    r0 = 0
    exit
