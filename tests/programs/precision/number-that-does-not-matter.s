# The same, but nothing relies on the number: the second path stops where they meet.
# expect: accept
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
    *(u64 *)(r10 - 8) = r7
    r0 = 0
    exit
