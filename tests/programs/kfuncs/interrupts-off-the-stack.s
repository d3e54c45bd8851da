# expect: reject C0403
# linux 6.18: arg#0 doesn't point to an irq flag on stack
# The state is to be saved in a map value.
.license GPL
.map table kind=array key=4 value=64 entries=1
.hook syscall
.extern bpf_local_irq_save kfunc
.prog example
    r2 = r10
    r2 += -4
    r1 = 0
    *(u32 *)(r10 - 4) = r1
    r1 = table ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = r0
    call bpf_local_irq_save
out:
    r0 = 0
    exit
