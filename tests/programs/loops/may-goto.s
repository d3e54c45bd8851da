# The kernel counts the rounds, so the loop needs no bound of its own.
# expect: accept

.license GPL
.section tc

    r0 = 0
next:
    may_goto out
    r0 += 1
    goto next
out:
    r0 = 0
    exit
