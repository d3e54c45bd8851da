# packet: mark=0 priority=0 cb=0,0,0,0,0 01005e0000018c5e80c53325080045000032000140004006d2d16cdf3d37907b43dc58dba8d297
# packet: mark=0 priority=0 cb=0,0,0,0,0 020000000001964a6671a8c4080045000032000140004006d2d16cdf3d37907b43dc58dba8d297
# returns: 0x2 mark=0 priority=0 cb=0,0,0,0,0 070000000000000000000000000001005e0000018c5e80c53325080045000032000140004006d2d16cdf3d37907b43dc58dba8d297
# returns: 0x2 mark=0 priority=0 cb=0,0,0,0,0 0700000000000000000000000000020000000001964a6671a8c4080045000032000140004006d2d16cdf3d37907b43dc58dba8d297

# A packet is used again for the next: what the first run wrote before its start must not come to light in the second.

.license GPL
.section xdp
.prog main
    r6 = r1
    r2 = -14
    call bpf_xdp_adjust_head
    r2 = *(u32 *)(r6 + 0)
    r3 = *(u32 *)(r6 + 4)
    r4 = r2
    r4 += 22
    if r4 > r3 goto end
    r5 = *(u8 *)(r2 + 21)
    r0 = *(u8 *)(r2 + 0)
    *(u8 *)(r2 + 0) = 7
end:
    r0 = 2
    exit
