# An atomic that x86 makes a loop of.
# expect: reject M0214
# linux 6.18: BPF_ATOMIC stores into R1 arena is not allowed

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r2 = 1
    r2 = atomic_fetch_or((u64 *)(r1 + 0), r2)
    r0 = 0
    exit
