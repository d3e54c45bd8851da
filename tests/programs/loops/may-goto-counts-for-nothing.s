# Nothing relies on the number that grows around the loop: it is forgotten, and the loop converges.
# expect: accept
.license GPL
.section socket
    r6 = 0
again:
    may_goto out
    r6 += 8
    goto again
out:
    r0 = r6
    exit
