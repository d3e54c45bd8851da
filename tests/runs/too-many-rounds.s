# packet: mark=0 priority=0 cb=0,0,0,0,0 0200000000012f6bf744d10e81000005080045132a651f9ac5972622f6bc00b2c6de
# returns: 0x2 mark=0 priority=0 cb=0,0,0,0,0 0200000000012f6bf744d10e81000005080045132a651f9ac5972622f6bc00b2c6de
# leaves: out 00000000 f9ffffff00000000

# Linux writes `bpf_loop` into the program where the flags are known to be 0: its error has 32 bits there.

.license GPL
.data out bytes=00 size=8
.section xdp
.prog main
    r9 = out ll
    r1 = -256
    r2 = back ll; r3 = 0; r4 = 0; call bpf_loop
    *(u64 *)(r9 + 0) = r0
    r0 = 2
    exit
.func back
    r0 = 0
    exit
