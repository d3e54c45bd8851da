# The caller relies on what a callee returned, and that was decided before the paths met in it.
# expect: reject M0201
# linux 6.18: invalid write to stack R1 off=8 size=1
.license GPL
.section socket
    call choose
    r1 = r10
    r1 += r0
    r0 = 0
    *(u8 *)(r1 + 0) = r0
    exit
choose:
    call 7
    r6 = 8
    if r0 != 0 goto join
    r6 = -8
join:
    r8 = 1
    r8 = 2
    r8 = 3
    r8 = 4
    r8 = 5
    r8 = 6
    goto on
on:
    r0 = r6
    exit
