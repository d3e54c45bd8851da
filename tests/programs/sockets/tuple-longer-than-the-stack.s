# expect: reject M0201
# linux 6.18: invalid read from stack R2 off=-16 size=36

.license GPL
.section tc

    *(u64 *)(r10 - 16) = 0
    *(u64 *)(r10 - 8) = 0
    r2 = r10
    r2 += -16
    r3 = 36
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    r0 = 0
    exit
