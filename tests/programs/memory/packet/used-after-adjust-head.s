# The helper may move the packet: pointers into it end.
# expect: reject M0208
# linux 6.18: R6 invalid mem access 'scalar'

.license GPL
.section xdp

    r6 = *(u32 *)(r1 + 0)
    r3 = *(u32 *)(r1 + 4)
    r4 = r6
    r4 += 14
    r0 = 1
    if r4 > r3 goto out
    r2 = 14
    call bpf_xdp_adjust_head
    r0 = *(u8 *)(r6 + 0)
out:
    exit
