# packet: mark=0 priority=0 cb=0,0,0,0,0 0200000000012f6bf744d10e81000005080045132a651f9ac5972622f6bc00b2c6de
# returns: 0x11223322 mark=0 priority=0 cb=0,0,0,0,0 0200000000012f6bf744d10e81000005080045132a651f9ac5972622f6bc00b2c6de
# leaves: out 00000000 00000000000000000000000000000000

# A helper reads the frame of a function, and that of its caller, by addresses that are numbers to it: in native code both lie on the
# native stack. Nobody has memory at the first page.

.license GPL
.data out bytes=00 size=16
.section tc
.prog main
    r1 = 0x5566778811223344 ll
    *(u64 *)(r10 - 8) = r1
    *(u64 *)(r10 - 16) = 0
    r1 = r10
    r1 += -8
    call inner
    r6 = r0
    r1 = r10
    r1 += -16
    r2 = 8
    r3 = 77
    call bpf_probe_read_kernel
    w0 += w6
    exit
.func inner
    r6 = r1
    *(u64 *)(r10 - 8) = 3
    *(u64 *)(r10 - 16) = 0
    r1 = r10
    r1 += -8
    r2 = 4
    r3 = r6
    call bpf_probe_read_kernel
    r7 = r0
    r1 = r10
    r1 += -16
    r2 = 8
    r3 = r10
    r3 += -8
    call bpf_probe_read_kernel
    w7 += w0
    r0 = *(u64 *)(r10 - 16)
    w0 += w7
    exit
