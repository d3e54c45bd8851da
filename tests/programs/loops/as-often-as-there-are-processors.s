# expect: accept
# The number of a processor is below how many the machine can have (nr_cpu_ids): a loop up to it ends, and it may index
# what has room for each. Machines with 1,024 of them and more refuse this, as does a kernel of no known machine.
.license GPL
.map each kind=array key=4 value=8192 entries=1

.section tc
.prog count
    call bpf_get_smp_processor_id
    r6 = r0
    r7 = 0
again:
    r7 += 1
    if r7 < r6 goto again

    *(u32 *)(r10 - 4) = 0
    r1 = each ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r6 <<= 3
    r0 += r6
    r1 = 1
    lock *(u64 *)(r0 + 0) += r1
out:
    r0 = 0
    exit
