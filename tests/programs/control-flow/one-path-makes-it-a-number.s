# The same instruction reads through a pointer on one path and a number on the other.
# expect: reject M0211
# linux 6.18: R3 invalid mem access 'scalar'

.license GPL
.section tc

    r2 = *(u32 *)(r1 + 8)
    r3 = r1
    if r2 == 0 goto load
    r3 = 64
load:
    r0 = *(u32 *)(r3 + 0)
    exit
