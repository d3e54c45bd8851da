# A helper is given more bytes than there are, on the second path only.
# expect: reject M0201
# linux 6.18: invalid write to stack R3 off=-16 size=32
.license GPL
.section tc
    r6 = r1
    call 7
    r7 = 32
    if r0 != 0 goto join
    r7 = 8
join:
    r8 = 1
    r8 = 2
    r8 = 3
    r8 = 4
    r8 = 5
    r8 = 6
    goto on
on:
    r1 = r6
    r2 = 0
    r3 = r10
    r3 += -16
    r4 = r7
    call 26
    r0 = 0
    exit
