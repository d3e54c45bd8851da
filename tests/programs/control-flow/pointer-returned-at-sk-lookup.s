# expect: reject P0601
# linux 6.18: At program exit the register R0 is not a known value (ctx)

.license GPL
.section sk_lookup

    r0 = r1
    exit
