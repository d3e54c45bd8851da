# expect: reject F0503
# linux 6.18: last insn is not an exit or jmp

.license GPL
.section tc

    r0 = 0
