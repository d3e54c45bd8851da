# expect: reject R0301
# linux 6.18: R6 !read_ok

.license GPL
.section tc

    r0 = *(u16 *)skb[12]
    exit
