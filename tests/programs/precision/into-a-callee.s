# The callee relies on an argument: so does its caller, where the paths met.
# expect: reject M0201
# linux 6.18: invalid write to stack R2 off=8 size=1
.license GPL
.section socket
    call 7
    r7 = 8
    if r0 != 0 goto join
    r7 = -8
join:
    r8 = 1
    r8 = 2
    r8 = 3
    r8 = 4
    r8 = 5
    r8 = 6
    goto on
on:
    r1 = r7
    call store
    r0 = 0
    exit
store:
    r2 = r10
    r2 += r1
    r0 = 0
    *(u8 *)(r2 + 0) = r0
    exit
