# The program that an iterator shows is not trusted: no memory for helpers.
# expect: reject C0403
# linux 6.18: R1 type=ptr_ expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
.license GPL
.section iter/bpf_prog
    r1 = *(u64 *)(r1 + 8)
    if r1 == 0 goto done
    r2 = 4
    r3 = 1
    call bpf_trace_printk
done:
    r0 = 0
    exit
