# expect: accept
# A new connection is put into the table: the reference goes there, and another comes back.
.license GPL
.hook sched_cls
.extern bpf_skb_ct_alloc kfunc
.extern bpf_ct_insert_entry kfunc
.extern bpf_ct_release kfunc
.prog example
    r6 = r1
    r1 = 0
    *(u64 *)(r10 - 8) = r1
    *(u64 *)(r10 - 16) = r1
    *(u64 *)(r10 - 24) = r1
    *(u64 *)(r10 - 32) = r1
    *(u64 *)(r10 - 40) = r1
    r1 = r6
    r2 = r10
    r2 += -40
    r3 = 12
    r4 = r10
    r4 += -16
    r5 = 16
    call bpf_skb_ct_alloc
    if r0 == 0 goto done
    r1 = r0
    call bpf_ct_insert_entry
    if r0 == 0 goto done
    r1 = r0
    call bpf_ct_release
done:
    r0 = 0
    exit
