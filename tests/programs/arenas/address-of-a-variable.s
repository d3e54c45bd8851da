# The address of a variable in an arena is a number like any other.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+4096 ll
    r1 &= 1
    r0 = r1
    exit
