# packet: mark=0 priority=0 cb=0,0,0,0,0 ffffffffffff8c0d1ff895cf080045000032000100004011ffff10ac04734a6d1589b9320fdc4e86341e40b3b6d1f028
# returns: 0x0 mark=0 priority=0 cb=0,0,0,0,0 0000000000008c0d1ff895cf080045000032000100004011000010ac04734a6d1589b9320fdc4e86341e40b3b6d1f028
# leaves: out 00000000 0000000000000000ffff00000000000000000000000000000000000000000000

# Zero has two forms in sums of ones' complement: which comes out depends on the order and the width of the complements.

.license GPL
.data out bytes=00 size=32
.section tc
.prog main
    r6 = r1
    r9 = out ll
    *(u64 *)(r10 - 8) = 0
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = r10
    r3 += -8
    r4 = 0
    r5 = 0
    call bpf_csum_diff
    *(u64 *)(r9 + 0) = r0
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = r10
    r3 += -8
    r4 = 8
    r5 = 0
    call bpf_csum_diff
    *(u64 *)(r9 + 8) = r0
    r1 = r6
    r2 = 24
    r3 = 0
    r4 = 0
    r5 = 0
    call bpf_l3_csum_replace
    r1 = r6
    r2 = 0
    r3 = 0
    r4 = 0
    r5 = 2
    call bpf_l3_csum_replace
    r1 = r6
    r2 = 2
    r3 = 0
    r4 = 0
    r5 = 4
    call bpf_l3_csum_replace
    r1 = r6
    r2 = 4
    r3 = 0
    r4 = 0
    r5 = 2
    call bpf_l4_csum_replace
    r0 = 0
    exit
