# Only programs that may sleep allocate pages.
# expect: reject C0402
# linux 6.18: program must be sleepable to call sleepable kfunc bpf_arena_alloc_pages

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena ll
    r2 = 0
    r3 = 1
    r4 = -1
    r5 = 0
    call bpf_arena_alloc_pages
    r0 = 0
    exit
