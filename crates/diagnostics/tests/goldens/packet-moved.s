# Pointers into the packet do not survive a call that may move it.
.license GPL
.hook sched_cls
.prog moved
    r6 = r1
    r7 = *(u32 *)(r6 + 76)
    r8 = *(u32 *)(r6 + 80)
    r1 = r6
    r2 = 40
    call bpf_skb_pull_data
    r1 = r7
    r1 += 14
    if r1 > r8 goto done
    r0 = *(u8 *)(r7 + 0)
done:
    r0 = 0
    exit
