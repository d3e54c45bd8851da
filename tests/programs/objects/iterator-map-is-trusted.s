# The map that an iterator shows is.
# expect: accept
.license GPL
.section iter/bpf_map
    r1 = *(u64 *)(r1 + 8)
    if r1 == 0 goto done
    r2 = 4
    r3 = 1
    call bpf_trace_printk
done:
    r0 = 0
    exit
