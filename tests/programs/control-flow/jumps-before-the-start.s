# expect: reject F0502
# linux 6.18: jump out of range from insn 1 to -1

.license GPL
.section tc

    r0 = 0
    if r0 == 1 goto -3
    exit
