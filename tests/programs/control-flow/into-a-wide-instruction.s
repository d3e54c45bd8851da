# expect: reject F0502
# linux 6.18: jump into the middle of ldimm64 insn 2

.license GPL
.section tc

    r0 = 0
    if r0 == 1 goto +1
    r1 = 5 ll
    exit
