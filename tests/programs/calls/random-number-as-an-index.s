# A number that may be negative needs a lower bound too.
# expect: reject R0304
# linux 6.18: math between map_value pointer and register with unbounded min value is not allowed

.license GPL
.data counts bytes=0000000000000000 size=64
.section tc

    call bpf_ktime_get_ns
    if r0 s> 7 goto out
    r0 <<= 3
    r1 = counts+0 ll
    r1 += r0
    r2 = *(u64 *)(r1 + 0)
out:
    r0 = 0
    exit
