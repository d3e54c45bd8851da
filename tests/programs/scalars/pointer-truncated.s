# expect: reject R0303
# linux 6.18: R1 32-bit pointer arithmetic prohibited

.license GPL
.section tc

    w1 += 1
    r0 = 0
    exit
