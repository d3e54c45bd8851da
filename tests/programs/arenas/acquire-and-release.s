# Loads and stores with an order.
# expect: accept

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r2 = load_acquire((u64 *)(r1 + 0))
    store_release((u32 *)(r1 + 1), r2)
    r0 = 0
    exit
