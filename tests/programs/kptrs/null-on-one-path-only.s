# expect: accept
# On the path that is walked first it is NULL; on the other it is any number. 6.18 takes the second path for a copy of
# the first: it does not note that it relied on NULL (a fault of that kernel).

.license GPL
.map kept kind=array key=4 value=24 entries=8 fields=8:kptr(task_struct),16:kptr_untrusted(task_struct)
.section tc
    r7 = *(u32 *)(r1 + 0)
    *(u32 *)(r10 - 4) = 1
    r2 = r10
    r2 += -4
    r1 = kept ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 = r0
    r8 = *(u64 *)(r6 + 0)
    if r7 == 7 goto store
    r8 = 0
    r1 = 1
    r2 = 2
    r3 = 3
    r4 = 4
    r5 = 5
store:
    r1 = 0
    r2 = 0
    r3 = 0
    if r7 == 9 goto on
    r1 = 1
on:
    *(u64 *)(r6 + 16) = r8
out:
    r0 = 0
    exit
