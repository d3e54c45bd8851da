# packet: mark=0 priority=0 cb=0,0,0,0,0 0200000000012f6bf744d10e81000005080045132a651f9ac5972622f6bc00b2c6de
# returns: 0x45 mark=0 priority=0 cb=0,0,0,0,0 0200000000012f6bf744d10e81000005080045132a651f9ac5972622f6bc00b2c6de
# leaves: out 00000000 0000000000000000

# The second program calls nothing and asks for the bounds of the packet alone, so native code gets them as arguments, also where
# another program goes on in it.

.license GPL
.data out bytes=00 size=8
.map programs kind=prog_array key=4 value=4 entries=4 init=0:main,1:second
.section xdp
.prog main
    r2 = programs ll; r3 = 1; call bpf_tail_call
    r0 = 1
    exit
.prog second
    r3 = *(u32 *)(r1 + 4)
    r2 = *(u32 *)(r1 + 0)
    r0 = 0
    r4 = r2
    r4 += 34
    if r4 > r3 goto out
    r0 = *(u8 *)(r2 + 18)
out:
    exit
