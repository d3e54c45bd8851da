# An iterator ends with a call without an element: NULL.
# expect: accept
.license GPL
.section iter/task
    r1 = *(u64 *)(r1 + 8)
    if r1 == 0 goto done
    call bpf_task_pt_regs
done:
    r0 = 0
    exit
