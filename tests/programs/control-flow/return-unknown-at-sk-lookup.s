# expect: reject P0601
# linux 6.18: At program exit the register R0 has smin=0 smax=4294967295 should have been in [0, 1]

.license GPL
.section sk_lookup

    r0 = *(u32 *)(r1 + 44)
    exit
