# A variable that lies behind the end of its arena.
# expect: reject P0602
# linux 6.18: invalid access to map value pointer, value_size=0 off=4097

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+4097 ll
    r0 = 0
    exit
