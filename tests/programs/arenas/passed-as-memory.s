# A helper does not take an address in the arena for memory.
# expect: reject C0403
# linux 6.18: R1 type=arena expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_

.license GPL
.map arena kind=arena entries=1 flags=0x400
.section tc

    r1 = arena+8 ll
    r1 = addr_space_cast(r1, 0, 1)
    r2 = 8
    r3 = 0
    call bpf_trace_printk
    r0 = 0
    exit
