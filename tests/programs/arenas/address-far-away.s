# A variable that lies farther in than Linux takes any address, in an arena of 4 GiB; no path leads there.
# expect: reject P0602
# linux 6.18: direct value offset of 536870912 is not allowed

.license GPL
.map arena kind=arena entries=1048576 flags=0x400
.section tc

    r0 = 0
    if r0 == 0 goto out
    r1 = arena+536870912 ll
out:
    exit
