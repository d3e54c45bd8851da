# expect: reject P0601
# linux 6.18: At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]
# An iterator returns 0 or 1.
.license GPL
.section iter/task
    r0 = 2
    exit
