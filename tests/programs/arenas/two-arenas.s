# A program has one arena.
# expect: reject P0602
# linux 6.18: Only one arena per program

.license GPL
.map arena kind=arena entries=1 flags=0x400
.map other kind=arena entries=1 flags=0x400
.section tc

    r1 = arena ll
    r2 = other ll
    r0 = 0
    exit
