# One instruction cannot load from the arena and from the stack.
# expect: reject M0215
# linux 6.18: same insn cannot be used with different pointers

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r6 = addr_space_cast(r1, 0, 1)
    *(u64 *)(r10 - 8) = 0
    call bpf_get_prandom_u32
    if r0 == 0 goto here
    r6 = r10
    r6 += -8
here:
    r0 = *(u64 *)(r6 + 0)
    r0 = 0
    exit
