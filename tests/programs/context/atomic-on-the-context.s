# expect: reject M0214
# linux 6.18: BPF_ATOMIC stores into R1 ctx is not allowed

.license GPL
.section tc

    r2 = 1
    lock *(u32 *)(r1 + 8) += r2
    r0 = 0
    exit
