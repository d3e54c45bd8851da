# Where the string begins must be known.
# expect: reject C0412
# linux 6.18: R3 is not a constant address'

.license GPL
.data text bytes=74637000 frozen
.section tc

    call bpf_get_prandom_u32
    r0 &= 1
    r6 = r0
    *(u64 *)(r10 - 8) = 0
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = text+0 ll
    r3 += r6
    call bpf_strncmp
    r0 = 0
    exit
