# 110,000 rounds of eight instructions.
    r0 = 1
    r1 = 110000
again:
    r0 *= 5
    r0 += r1
    r2 = r0
    r2 >>= 7
    r0 ^= r2
    r0 += 11
    r1 -= 1
    if r1 != 0 goto again
    exit
