# expect: reject F0504
# linux 6.18: unreachable insn 2

.license GPL
.section tc

    r0 = 0
    exit
    r0 = 1
    exit
