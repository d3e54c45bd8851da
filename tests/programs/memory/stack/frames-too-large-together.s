# expect: reject C0406
# linux 6.18: combined stack size of 2 calls is 608. Too large

.license GPL
.section tc

    *(u64 *)(r10 - 400) = 0
    call second
    r0 = 0
    exit
second:
    *(u64 *)(r10 - 200) = 0
    r0 = 0
    exit
