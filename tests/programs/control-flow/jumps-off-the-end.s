# expect: reject F0502
# linux 6.18: jump out of range from insn 1 to 3

.license GPL
.section tc

    r0 = 0
    if r0 == 0 goto +1
    exit
