# expect: reject S0111
# linux 6.18: R0 cannot write into rdonly_untrusted_mem
# Memory that nobody vouches for is written.
.license GPL
.hook syscall
.extern bpf_rdonly_cast kfunc
.prog example
    r1 = 4096
    r2 = 0
    call bpf_rdonly_cast
    r1 = 1
    *(u64 *)(r0 + 8) = r1
    r0 = 0
    exit
