# There are two address spaces.
# expect: reject P0602
# linux 6.18: addr_space_cast insn can only convert between address space 1 and 0

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 2)
    r0 = 0
    exit
