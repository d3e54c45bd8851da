# A branch that the number decides leads, on the second path only, to a load from nowhere.
# expect: reject M0211
# linux 6.18: R1 invalid mem access 'scalar'
.license GPL
.section socket
    call 7
    r7 = 2
    if r0 != 0 goto join
    r7 = 1
join:
    r8 = 1
    r8 = 2
    r8 = 3
    r8 = 4
    r8 = 5
    r8 = 6
    goto on
on:
    r0 = 0
    if r7 == 1 goto out
    r1 = 0
    r0 = *(u64 *)(r1 + 0)
out:
    exit
