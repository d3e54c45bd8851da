# expect: accept
# A pointer to such memory goes anywhere.
.license GPL
.hook syscall
.extern bpf_rdonly_cast kfunc
.prog example
    r1 = 4096
    r2 = 0
    call bpf_rdonly_cast
    r6 = r0
    call bpf_ktime_get_ns
    r6 += r0
    r6 -= 77
    r1 = *(u32 *)(r6 + 0)
    r0 = 0
    exit
