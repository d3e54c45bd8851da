# expect: accept
# A netfilter program returns 0 or 1.
.license GPL
.hook netfilter
    r0 = 1
    exit
