# One byte of the spilled context pointer changes: what is read back is no pointer.
# expect: reject M0211
# linux 6.18: R1 invalid mem access 'scalar'

.license GPL
.section tc

    *(u64 *)(r10 - 8) = r1
    *(u8 *)(r10 - 8) = 0
    r1 = *(u64 *)(r10 - 8)
    r0 = *(u32 *)(r1 + 0)
    exit
