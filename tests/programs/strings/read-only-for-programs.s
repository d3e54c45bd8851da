# Read-only for programs is not enough.
# expect: reject C0412
# linux 6.18: R3 does not point to a readonly map'

.license GPL
.map consts kind=array key=4 value=8 entries=1 flags=0x80
.data text bytes=74637000 frozen
.section tc

    call bpf_get_prandom_u32
    *(u32 *)(r10 - 12) = r0
    r1 = consts ll
    r2 = r10
    r2 += -12
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r3 = r0
    *(u64 *)(r10 - 8) = 0
    r1 = r10
    r1 += -8
    r2 = 8
    call bpf_strncmp
out:
    r0 = 0
    exit
