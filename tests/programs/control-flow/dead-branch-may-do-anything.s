# The branch is never taken, so the kernel never looks at what it does.
# expect: accept

.license GPL
.section tc

    r0 = 0
    if r0 == 0 goto out
    r0 = *(u64 *)(r5 + 0)
out:
    exit
