# A negated address in the arena is a number.
# expect: reject M0211
# linux 6.18: R1 invalid mem access 'scalar'

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r1 = -r1
    r0 = *(u64 *)(r1 + 0)
    r0 = 0
    exit
