# Nothing lies before an object.
# expect: reject T0701
# linux 6.18: R0 is ptr_task_struct invalid negative access: off=-8
.license GPL
.hook raw_tracepoint
.prog main
    call bpf_get_current_task_btf
    r1 = *(u64 *)(r0 - 8)
    r0 = 0
    exit
