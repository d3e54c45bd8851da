# expect: accept
# Any number may be read through as memory that nobody vouches for.
.license GPL
.hook syscall
.extern bpf_rdonly_cast kfunc
.prog example
    r1 = 4096
    r2 = 0
    call bpf_rdonly_cast
    r1 = *(u64 *)(r0 + 8)
    r1 = *(u8 *)(r0 - 3)
    r0 = 0
    exit
