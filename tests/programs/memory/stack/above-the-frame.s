# expect: reject M0201
# linux 6.18: invalid write to stack R10 off=0 size=8

.license GPL
.section tc

    *(u64 *)(r10 + 0) = 0
    r0 = 0
    exit
