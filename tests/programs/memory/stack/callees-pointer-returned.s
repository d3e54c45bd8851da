# expect: reject M0204
# linux 6.18: cannot return stack pointer to the caller

.license GPL
.section tc

    call leak
    r0 = 0
    exit
leak:
    r0 = r10
    exit
