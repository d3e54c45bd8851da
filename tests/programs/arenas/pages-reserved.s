# Pages are reserved at a cast address.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.hook syscall
.prog example

    r1 = arena ll
    r2 = arena+8 ll
    r2 = addr_space_cast(r2, 0, 1)
    r3 = 1
    call bpf_arena_reserve_pages
    r0 = 0
    exit
