# An address in the arena survives a spill, and may be compared with NULL.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r6 = addr_space_cast(r1, 0, 1)
    *(u64 *)(r10 - 8) = r6
    call bpf_get_prandom_u32
    r6 = *(u64 *)(r10 - 8)
    if r6 == 0 goto out
    r0 = *(u64 *)(r6 + 0)
out:
    r0 = 0
    exit
