# expect: reject R0303
# linux 6.18: R0 pointer += pointer prohibited

.license GPL
.section tc

    r0 = r10
    r0 += r1
    r0 = 0
    exit
