# expect: reject P0602
# linux 6.18: LD_ABS is not allowed in subprogs without BTF
# A packet load may end its function with 0: Linux must know that the function returns a number.
.license GPL
.hook socket_filter
    r6 = r1
    call load
    r0 = 0
    exit
.func load
    r6 = r1
    r0 = *(u32 *)skb[0]
    exit
