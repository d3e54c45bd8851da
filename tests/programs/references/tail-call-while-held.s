# A successful tail call never comes back to release the socket.
# expect: reject S0108
# linux 6.18: tail_call would lead to reference leak

.license GPL
.map jumps kind=prog_array key=4 value=4 entries=1
.section tc

    r6 = r1
    *(u64 *)(r10 - 16) = 0
    *(u32 *)(r10 - 8) = 0
    r2 = r10
    r2 += -16
    r3 = 12
    r4 = -1
    r5 = 0
    call bpf_sk_lookup_tcp
    if r0 == 0 goto out
    r7 = r0
    r1 = r6
    r2 = jumps ll
    r3 = 0
    call bpf_tail_call
    r1 = r7
    call bpf_sk_release
out:
    r0 = 0
    exit
