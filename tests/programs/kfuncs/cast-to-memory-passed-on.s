# expect: reject C0403
# linux 6.18: R1 type=rdonly_untrusted_mem expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
# Such memory is passed to a helper that reads it.
.license GPL
.hook syscall
.extern bpf_rdonly_cast kfunc
.prog example
    r1 = 4096
    r2 = 0
    call bpf_rdonly_cast
    r1 = r0
    r2 = 8
    r3 = 0
    r4 = 0
    r5 = 0
    call bpf_trace_printk
    r0 = 0
    exit
