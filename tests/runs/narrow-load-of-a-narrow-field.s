# packet: mark=305419896 priority=0 cb=0,0,0,0,0 01005e0000019c8409385e6308060001080006040001efbf855b89944b70fb08a51a12d2d3
# returns: 0x0 mark=305419896 priority=0 cb=0,0,0,0,0 01005e0000019c8409385e6308060001080006040001efbf855b89944b70fb08a51a12d2d3
# leaves: out 00000000 08060000000000000806000000000000060000000000000000000000000000000200000000000000020000000000000034120000000000005600000000000000

# The kernel has two bytes for `protocol` and one for `pkt_type`: a load of that width is of the whole, wherever in the
# field it begins.

.license GPL
.data out bytes=00 size=64
.section tc
.prog main
    r9 = out ll
    r0 = *(u16 *)(r1 + 16)
    *(u64 *)(r9 + 0) = r0
    r0 = *(u16 *)(r1 + 18)
    *(u64 *)(r9 + 8) = r0
    r0 = *(u8 *)(r1 + 17)
    *(u64 *)(r9 + 16) = r0
    r0 = *(u8 *)(r1 + 18)
    *(u64 *)(r9 + 24) = r0
    r0 = *(u8 *)(r1 + 7)
    *(u64 *)(r9 + 32) = r0
    r0 = *(u16 *)(r1 + 6)
    *(u64 *)(r9 + 40) = r0
    r0 = *(u16 *)(r1 + 10)
    *(u64 *)(r9 + 48) = r0
    r0 = *(u8 *)(r1 + 9)
    *(u64 *)(r9 + 56) = r0
    r0 = 0
    exit
