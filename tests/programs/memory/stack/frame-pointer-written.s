# expect: reject R0302
# linux 6.18: frame pointer is read only

.license GPL
.section tc

    r10 = 0
    r0 = 0
    exit
