# expect: reject R0305
# linux 6.18: invalid shift 64

.license GPL
.section tc

    r0 = 7
    r0 <<= 64
    exit
