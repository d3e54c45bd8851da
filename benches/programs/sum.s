# The sum of up to 1,500 bytes, one at a time.
    r0 = 0
    r4 = 0
again:
    r5 = r2
    r5 += 1
    if r5 > r3 goto done
    r1 = *(u8 *)(r2 + 0)
    r0 += r1
    r2 = r5
    r4 += 1
    if r4 < 1500 goto again
done:
    r0 &= 0xffff
    exit
