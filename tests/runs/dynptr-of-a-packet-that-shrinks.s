# packet: mark=0 priority=0 cb=0,0,0,0,0 01005e0000019c8409385e63080045000028000100004006000001020304050607080001020304050607080910111213141516171819202122232425262728293031323334
# returns: 0x0 mark=0 priority=0 cb=0,0,0,0,0 01005e0000019c8409385e6308004500002800010000400600000102030405060708000102030405
# leaves: out 00000000 000000000000000000000000000000004500000000000000f2ffffffffffffff000000000000000007080001020304050700000000000000

# A dynptr keeps the length that the packet had: what lies behind the end is refused when it is asked for.

.license GPL
.data out bytes=00 size=56
.section tc
.prog main
    r6 = r1
    r9 = out ll
    r2 = 0
    r3 = r10
    r3 += -16
    call bpf_dynptr_from_skb
    w0 = w0
    *(u64 *)(r9 + 0) = r0
    r1 = r6
    r2 = 40
    r3 = 0
    call bpf_skb_change_tail
    *(u64 *)(r9 + 8) = r0
    r1 = r10
    r1 += -16
    call bpf_dynptr_size
    w0 = w0
    *(u64 *)(r9 + 16) = r0
    *(u64 *)(r10 - 24) = 7
    r1 = r10
    r1 += -24
    r2 = 8
    r3 = r10
    r3 += -16
    r4 = 36
    r5 = 0
    call bpf_dynptr_read
    *(u64 *)(r9 + 24) = r0
    r1 = *(u64 *)(r10 - 24)
    *(u64 *)(r9 + 32) = r1
    r1 = r10
    r1 += -16
    r2 = 32
    r3 = 0
    r4 = 8
    call bpf_dynptr_slice
    r1 = 7
    if r0 == 0 goto none
    r1 = *(u64 *)(r0 + 0)
none:
    *(u64 *)(r9 + 40) = r1
    r1 = r10
    r1 += -16
    r2 = 33
    r3 = 0
    r4 = 8
    call bpf_dynptr_slice
    r1 = 7
    if r0 == 0 goto behind
    r1 = *(u64 *)(r0 + 0)
behind:
    *(u64 *)(r9 + 48) = r1
    r0 = 0
    exit
