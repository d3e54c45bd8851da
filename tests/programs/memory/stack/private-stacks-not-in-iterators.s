# expect: reject C0406
# linux 6.18: combined stack size of 2 calls is 1024. Too large
# Iterators have one stack for all functions.
.license GPL
.section iter/task
    r1 = 42
    *(u64 *)(r10 - 512) = r1
    call below
    r0 = 0
    exit
.func below
    *(u64 *)(r10 - 512) = 0
    r0 = 0
    exit
