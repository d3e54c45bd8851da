# expect: reject R0305
# linux 6.18: div by zero

.license GPL
.section tc

    r0 = 7
    r0 /= 0
    exit
