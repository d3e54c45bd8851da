# expect: reject P0601
# linux 6.18: At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]
# 2 is no verdict of netfilter.
.license GPL
.hook netfilter
    r0 = 2
    exit
