# expect: accept
# Who relies on the old value that an atomic operation handed out does not rely on what lay in the slot: the number that the
# loop counts is of no interest, and the loop converges. (Linux 6.12 walks the loop to the limit.)

.license GPL
.map table kind=hash key=4 value=16 entries=4
.section xdp
main:
    *(u64 *)(r10 - 8) = 0
    call bpf_get_prandom_u32
    r8 = r0
    r8 &= 255
    r7 = 1
again:
    may_goto done
    r8 += 1
    goto again
done:
    *(u64 *)(r10 - 16) = r8
    r7 = atomic_fetch_or((u64 *)(r10 - 16), r7)
    r2 = r10
    r2 += -8
    r1 = table ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r7 &= 7
    r0 += r7
    r0 = *(u8 *)(r0 + 0)
out:
    r0 = 2
    exit
