# expect: reject R0303
# linux 6.18: R1 pointer arithmetic with *= operator prohibited

.license GPL
.section tc

    r1 *= 2
    r0 = 0
    exit
