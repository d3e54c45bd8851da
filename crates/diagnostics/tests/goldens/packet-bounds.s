# The packet is read without a comparison with its end.
.license GPL
.hook xdp
.prog bounds
    r2 = *(u32 *)(r1 + 0)       # data
    r3 = *(u32 *)(r1 + 4)       # data_end
    r4 = r2
    r4 += 14
    if r4 > r3 goto pass
    r0 = *(u8 *)(r2 + 23)       # 14 bytes were compared, not 24
pass:
    r0 = 2
    exit
