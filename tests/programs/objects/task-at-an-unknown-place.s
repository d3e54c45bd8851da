# An offset into an object has to be known.
# expect: reject T0701
# linux 6.18: R0 is ptr_task_struct invalid variable offset: off=0, var_off=(0x0; 0x8)
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = *(u32 *)(r0 + 0)
    r1 &= 8
    r0 += r1
    r1 = *(u32 *)(r0 + 0)
    r0 = 0
    exit
