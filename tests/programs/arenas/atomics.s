# Atomics with and without the old value, those that x86 can do in one instruction.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r2 = 1
    lock *(u64 *)(r1 + 1) += r2
    lock *(u32 *)(r1 + 0) |= r2
    r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)
    r2 = xchg_64(r1 + 0, r2)
    r0 = 0
    r0 = cmpxchg_64(r1 + 0, r0, r2)
    r0 = 0
    exit
