# expect: reject F0506
# linux 6.18: BPF program is too large. Processed 1000001 insn

.license GPL
.section tc

    r1 = 0
next:
    r1 += 1
    if r1 < 1000000 goto next
    r0 = 0
    exit
