# expect: reject M0211
# linux 6.18: R7 invalid mem access 'scalar'
# A number to which such a pointer is added stays a number.
.license GPL
.hook syscall
.extern bpf_rdonly_cast kfunc
.prog example
    r1 = 4096
    r2 = 0
    call bpf_rdonly_cast
    r6 = r0
    r7 = 5
    r7 += r6
    r1 = *(u32 *)(r7 + 0)
    r0 = 0
    exit
