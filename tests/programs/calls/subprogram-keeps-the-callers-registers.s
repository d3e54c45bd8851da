# expect: accept

.license GPL
.section tc

    r6 = r1
    r1 = 1
    call noop
    r0 = *(u32 *)(r6 + 8)
    exit
noop:
    r6 = 0
    r0 = r6
    exit
