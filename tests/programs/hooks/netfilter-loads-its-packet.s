# expect: accept
# Both fields of the context are pointers, loaded whole.
.license GPL
.hook netfilter
    r2 = *(u64 *)(r1 + 0)
    r3 = *(u64 *)(r1 + 8)
    r0 = 1
    exit
