# Of a number that has more than 32 bits a sum computed in 32 bits says nothing.
# expect: reject M0211
# linux 6.18: R1 invalid mem access 'scalar'
.license GPL
.section socket
    call 7
    r6 = r0
    r7 = r6
    w7 += 8
    if r7 > 23 goto out
    if r6 > 100 goto reached
out:
    r0 = 0
    exit
reached:
    r1 = 0
    r0 = *(u64 *)(r1 + 0)
    exit
