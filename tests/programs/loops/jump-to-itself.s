# Nothing behind an endless jump is ever reached.
# expect: reject F0504
# linux 6.18: unreachable insn 2

.license GPL
.section tc

    r0 = 0
here:
    goto here
    exit
