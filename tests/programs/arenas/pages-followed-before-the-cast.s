# The address of allocated pages is followed before it is cast.
# expect: reject M0211
# linux 6.18: R0 invalid mem access 'scalar'

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
    *(u64 *)(r0 + 0) = 5
    r0 = 0
    exit
