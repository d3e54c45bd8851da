# expect: reject R0305
# linux 6.18: invalid shift 32

.license GPL
.section tc

    w0 = 7
    w0 <<= 32
    exit
