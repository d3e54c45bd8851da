# ... so it is checked.
# expect: accept
.license GPL
.section tp_btf/kfree_skb
    r1 = *(u64 *)(r1 + 24)
    if r1 == 0 goto done
    r2 = *(u8 *)(r1 + 0)
done:
    r0 = 0
    exit
