# expect: accept

.license GPL
.section xdp

    r6 = r1
    r2 = -14
    call bpf_xdp_adjust_head
    r2 = *(u32 *)(r6 + 0)
    r3 = *(u32 *)(r6 + 4)
    r4 = r2
    r4 += 14
    r0 = 1
    if r4 > r3 goto out
    *(u8 *)(r2 + 0) = 0
out:
    r0 = 2
    exit
