# expect: accept

.license GPL
.section tc

    r0 = 0
    if r1 > 7 goto out
    r0 = 1
out:
    exit
