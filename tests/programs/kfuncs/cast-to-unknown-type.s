# expect: reject C0403
# linux 6.18: R2 must be a known constant
# A cast to a type that the verifier does not know yet.
.license GPL
.hook syscall
.extern bpf_rdonly_cast kfunc
.prog example
    r1 = 4096
    r2 = r1
    call bpf_ktime_get_ns
    r1 = 4096
    r2 = r0
    call bpf_rdonly_cast
    r0 = 0
    exit
