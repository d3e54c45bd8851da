# ... which has to be checked.
# expect: reject S0104
# linux 6.18: R1 type=trusted_ptr_or_null_ expected=ptr_, trusted_ptr_, rcu_ptr_
.license GPL
.section iter/task
    r1 = *(u64 *)(r1 + 8)
    call bpf_task_pt_regs
    r0 = 0
    exit
