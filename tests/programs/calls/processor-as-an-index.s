# The number of a processor is not negative, so that an upper bound is enough. (Not one that decides more where there
# are few processors: Linux knows how many its machine has.)
# expect: accept

.license GPL
.data counts bytes=0000000000000000 size=64
.section tc

    call bpf_get_smp_processor_id
    if r0 s> 0 goto out
    r0 <<= 3
    r1 = counts+0 ll
    r1 += r0
    r2 = *(u64 *)(r1 + 0)
out:
    r0 = 0
    exit
