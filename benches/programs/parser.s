# Ethernet, IPv4 without options and with its checksum verified, TCP: 80 instructions for a packet that passes.
    r0 = 0
    r4 = r2
    r4 += 54
    if r4 > r3 goto out
    r5 = *(u16 *)(r2 + 12)
    if r5 != 8 goto out
    r5 = *(u8 *)(r2 + 14)
    if r5 != 0x45 goto out
    r5 = *(u8 *)(r2 + 23)
    if r5 != 6 goto out
    r5 = *(u16 *)(r2 + 14)
    r1 = *(u16 *)(r2 + 16)
    r5 += r1
    r1 = *(u16 *)(r2 + 18)
    r5 += r1
    r1 = *(u16 *)(r2 + 20)
    r5 += r1
    r1 = *(u16 *)(r2 + 22)
    r5 += r1
    r1 = *(u16 *)(r2 + 24)
    r5 += r1
    r1 = *(u16 *)(r2 + 26)
    r5 += r1
    r1 = *(u16 *)(r2 + 28)
    r5 += r1
    r1 = *(u16 *)(r2 + 30)
    r5 += r1
    r1 = *(u16 *)(r2 + 32)
    r5 += r1
    r1 = r5
    r1 >>= 16
    r5 &= 0xffff
    r5 += r1
    r1 = r5
    r1 >>= 16
    r5 += r1
    r5 &= 0xffff
    if r5 != 0xffff goto out
    r5 = *(u16 *)(r2 + 20)
    r5 = be16 r5
    r5 &= 0x3fff
    if r5 != 0 goto out
    r5 = *(u16 *)(r2 + 16)
    r5 = be16 r5
    if r5 < 40 goto out
    r1 = *(u16 *)(r2 + 36)
    r1 = be16 r1
    if r1 != 443 goto out
    r1 = *(u16 *)(r2 + 34)
    r1 = be16 r1
    if r1 < 1024 goto out
    r1 = *(u8 *)(r2 + 46)
    r1 >>= 4
    if r1 < 5 goto out
    r1 <<= 2
    r1 += 20
    if r1 > r5 goto out
    r1 = *(u8 *)(r2 + 47)
    r4 = r1
    r4 &= 3
    if r4 == 3 goto out
    r4 = r1
    r4 &= 6
    if r4 == 6 goto out
    r1 &= 2
    r4 = *(u32 *)(r2 + 26)
    r4 = be32 r4
    r5 = r4
    r5 >>= 24
    if r5 == 127 goto out
    if r5 > 223 goto out
    r5 = *(u32 *)(r2 + 30)
    r5 = be32 r5
    r4 ^= r5
    r0 = r4
    r0 >>= 8
    r0 ^= r4
    r0 += r1
    r0 &= 0xff
    r0 |= 0x100
out:
    exit
