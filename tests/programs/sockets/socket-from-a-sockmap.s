# A socket found in a map of sockets is held as well.
# expect: accept

.license GPL
.map peers kind=sockhash key=4 value=8 entries=16
.section tc

    *(u32 *)(r10 - 4) = 0
    r1 = peers ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = r0
    call bpf_sk_release
out:
    r0 = 0
    exit
