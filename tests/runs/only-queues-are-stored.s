# packet: mark=0 priority=0 cb=0,0,0,0,0 01005e0000019c8409385e6308060001080006040001efbf855b89944b70fb08a51a12d2d3
# returns: 0x0 mark=0 priority=0 cb=0,0,0,0,0 01005e0000019c8409385e6308060001080006040001efbf855b89944b70fb08a51a12d2d3
# leaves: out 00000000 feff000000000000feff000000000000feff0000000000000900000000000000feff000000000000030000000000000000000000000000000000000000000000

# A number of a queue that is not below 65,535 is not stored at all; of constants those count as less that are negative.

.license GPL
.data out bytes=00 size=64
.section tc
.prog main
    r9 = out ll
    r2 = 7
    *(u32 *)(r1 + 12) = r2
    r2 = 65534
    *(u32 *)(r1 + 12) = r2
    r0 = *(u32 *)(r1 + 12)
    *(u64 *)(r9 + 0) = r0
    r2 = 65535
    *(u32 *)(r1 + 12) = r2
    r0 = *(u32 *)(r1 + 12)
    *(u64 *)(r9 + 8) = r0
    r2 = -14
    *(u32 *)(r1 + 12) = r2
    r0 = *(u16 *)(r1 + 14)
    *(u64 *)(r9 + 16) = r0
    r2 = 9
    *(u32 *)(r1 + 12) = r2
    *(u32 *)(r1 + 12) = 65535
    r0 = *(u32 *)(r1 + 12)
    *(u64 *)(r9 + 24) = r0
    *(u32 *)(r1 + 12) = -2
    r0 = *(u32 *)(r1 + 12)
    *(u64 *)(r9 + 32) = r0
    *(u32 *)(r1 + 12) = 3
    r0 = *(u32 *)(r1 + 12)
    *(u64 *)(r9 + 40) = r0
    r0 = 0
    exit
