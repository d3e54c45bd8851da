# expect: reject M0201
# linux 6.18: invalid write to stack R10 off=-520 size=8

.license GPL
.section tc

    *(u64 *)(r10 - 520) = 0
    r0 = 0
    exit
