# Pages are allocated from something that is no map.
# expect: reject C0403
# linux 6.18: pointer in R1 isn't map pointer

.license GPL
.map arena kind=arena entries=1 flags=0x400
.hook syscall
.prog example

    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r2 = 0
    r3 = 1
    r4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r0 = 0
    exit
