# An arena that no path reaches counts, too.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = 0
    r1 = addr_space_cast(r1, 0, 1)
    r0 = 0
    if r0 == 0 goto out
    r2 = arena ll
out:
    exit
