# A program that names no arena cannot cast.
# expect: reject P0602
# linux 6.18: addr_space_cast insn can only be used in a program that has an associated arena

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = 0
    r1 = addr_space_cast(r1, 0, 1)
    r0 = 0
    exit
