# Pages that are allocated: their address is a number until it is cast.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.hook syscall
.prog example

    r1 = arena ll
    r2 = 0
    r3 = 1
    r4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    if r0 == 0 goto out
    r6 = r0
    r1 = addr_space_cast(r0, 0, 1)
    *(u64 *)(r1 + 0) = 5
    r1 = arena ll
    r2 = r6
    r3 = 1
    call bpf_arena_free_pages
out:
    r0 = 0
    exit
