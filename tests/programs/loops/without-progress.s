# expect: reject F0505
# linux 6.18: infinite loop detected at insn 1

.license GPL
.section tc

    r1 = 0
next:
    r1 += 0
    if r1 < 100 goto next
    r0 = 0
    exit
