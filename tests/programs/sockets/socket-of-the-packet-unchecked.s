# expect: reject S0104
# linux 6.18: R1 invalid mem access 'sock_common_or_null'

.license GPL
.section tc

    r1 = *(u64 *)(r1 + 168)
    r0 = *(u32 *)(r1 + 72)
    exit
