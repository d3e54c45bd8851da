# Each round but the last loses its socket.
# expect: reject S0102
# linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak

.license GPL
.section tc

    r7 = 0
    r8 = 0
    r6 = r1
    *(u64 *)(r10 - 16) = 0
    *(u32 *)(r10 - 8) = 0
next:
    r1 = r6
    r2 = r10
    r2 += -16
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    r8 = r0
    r7 += 1
    if r7 < 3 goto next
    if r8 == 0 goto out
    r1 = r8
    call bpf_sk_release
out:
    r0 = 0
    exit
