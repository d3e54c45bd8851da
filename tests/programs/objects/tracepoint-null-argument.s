# The socket for which a packet is dropped may be missing.
# expect: reject S0104
# linux 6.18: R1 invalid mem access 'trusted_ptr_or_null_'
.license GPL
.section tp_btf/kfree_skb
    r1 = *(u64 *)(r1 + 24)
    r2 = *(u8 *)(r1 + 0)
    r0 = 0
    exit
