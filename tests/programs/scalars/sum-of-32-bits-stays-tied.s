# A sum computed in 32 bits keeps its distance: what is learnt of the one holds for the other.
# expect: accept
.license GPL
.section socket
    call 7
    w6 = w0
    w7 = w6
    w7 += 8
    if w6 > 15 goto out
    if w7 > 23 goto never
out:
    r0 = 0
    exit
never:
    r1 = 0
    r0 = *(u64 *)(r1 + 0)
    exit
