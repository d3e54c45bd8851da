# The address of a variable in an arena is a number: it cannot be followed before it is cast.
# expect: reject M0211
# linux 6.18: R1 invalid mem access 'scalar'

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r0 = *(u32 *)(r1 + 0)
    exit
