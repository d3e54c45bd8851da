# expect: accept

.license GPL
.section tc

    r1 = 0
    r0 = 0
next:
    r0 += r1
    r1 += 1
    if r1 < 100 goto next
    r0 = 0
    exit
