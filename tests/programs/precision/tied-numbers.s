# Relied on is a copy of the number that was compared: what narrowed the one narrowed the other.
# expect: reject M0201
# linux 6.18: invalid variable-offset write to stack R1 var_off=(0x0; 0x3ff) off=-16 size=1
.license GPL
.section socket
    call 7
    r6 = r0
    r7 = r6
    if r6 > 15 goto far
near:
    r8 = 1
    r8 = 2
    r8 = 3
    r8 = 4
    r8 = 5
    r8 = 6
    goto on
far:
    r8 = 7
    if r6 > 1000 goto out
    goto near
on:
    r1 = r10
    r1 += -16
    r1 += r7
    r0 = 0
    *(u8 *)(r1 + 0) = r0
out:
    r0 = 0
    exit
