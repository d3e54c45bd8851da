# Around the loop the number grows; after it a pointer relies on it. What is forgotten from turn to turn is refused.
# expect: reject M0201
# linux 6.18: invalid write to stack R1 off=0 size=1
.license GPL
.section socket
    r6 = 0
again:
    may_goto out
    r6 += 8
    goto again
out:
    r1 = r10
    r1 += -64
    r1 += r6
    r0 = 0
    *(u8 *)(r1 + 0) = r0
    exit
