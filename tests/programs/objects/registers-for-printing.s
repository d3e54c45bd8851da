# An object that is not trusted is no memory.
# expect: reject C0403
# linux 6.18: R1 type=ptr_ expected=fp, pkt, pkt_meta, map_key, map_value, mem, ringbuf_mem, buf, trusted_ptr_
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = r0
    call bpf_task_pt_regs
    r1 = r0
    r2 = 8
    r3 = 1
    call bpf_trace_printk
    r0 = 0
    exit
