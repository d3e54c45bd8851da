# What is relied on was spilled before the paths met, and filled after.
# expect: reject M0201
# linux 6.18: invalid write to stack R1 off=8 size=1
.license GPL
.section socket
    call 7
    r7 = 8
    if r0 != 0 goto join
    r7 = -8
join:
    *(u64 *)(r10 - 16) = r7
    r7 = 0
    r8 = 1
    r8 = 2
    r8 = 3
    r8 = 4
    r8 = 5
    goto on
on:
    r2 = *(u64 *)(r10 - 16)
    r1 = r10
    r1 += r2
    r0 = 0
    *(u8 *)(r1 + 0) = r0
    exit
