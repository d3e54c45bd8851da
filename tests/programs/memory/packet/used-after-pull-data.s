# expect: reject M0208
# linux 6.18: R7 invalid mem access 'scalar'

.license GPL
.section tc

    r6 = r1
    r7 = *(u32 *)(r6 + 76)
    r8 = *(u32 *)(r6 + 80)
    r2 = 64
    call bpf_skb_pull_data
    r4 = r7
    r4 += 14
    r0 = 0
    if r4 > r8 goto out
    r0 = *(u8 *)(r7 + 0)
out:
    exit
