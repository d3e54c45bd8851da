# What an iterator prints goes to the file of its `meta`, trusted like it.
# expect: accept
.license GPL
.section iter/task
    r1 = *(u64 *)(r1 + 0)
    r1 = *(u64 *)(r1 + 0)
    *(u64 *)(r10 - 8) = 0
    r2 = r10
    r2 += -8
    r3 = 8
    call bpf_seq_write
    r0 = 0
    exit
