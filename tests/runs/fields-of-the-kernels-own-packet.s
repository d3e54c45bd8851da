# packet: mark=305419896 priority=7 cb=0,0,0,0,0 01005e0000019c8409385e63080045000028000100004006000001020304050607080001020304050607080910111213141516171819202122232425262728293031323334
# returns: 0x0 mark=99 priority=7 cb=0,0,0,0,0 01005e0000019c8409385e6308004500002800010000400600000102030405060708000102030405
# leaves: out 00000000 450000000000000078563412000000000800000000000000020000000000000028000000000000006300000000000000

# The context as `struct sk_buff`: numbers at Linux 6.18's offsets, as the context has them now.

.license GPL
.data out bytes=00 size=48
.section tc
.prog main
    r6 = r1
    r9 = out ll
    call bpf_cast_to_kern_ctx
    r7 = r0
    r1 = *(u32 *)(r7 + 112)
    *(u64 *)(r9 + 0) = r1
    r1 = *(u32 *)(r7 + 164)
    *(u64 *)(r9 + 8) = r1
    r1 = *(u16 *)(r7 + 176)
    *(u64 *)(r9 + 16) = r1
    r1 = *(u8 *)(r7 + 128)
    *(u64 *)(r9 + 24) = r1
    r1 = 99
    *(u32 *)(r6 + 8) = r1
    r1 = r6
    r2 = 40
    r3 = 0
    call bpf_skb_change_tail
    r1 = *(u32 *)(r7 + 112)
    *(u64 *)(r9 + 32) = r1
    r1 = *(s32 *)(r7 + 164)
    *(u64 *)(r9 + 40) = r1
    r0 = 0
    exit
