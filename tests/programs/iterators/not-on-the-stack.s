# expect: reject C0403
# linux 6.18: arg#0 expected pointer to an iterator on stack
# An iterator in a map value.
.license GPL
.map table kind=array key=4 value=64 entries=1
.hook syscall
.extern bpf_iter_num_new kfunc
.prog example
    r2 = r10
    r2 += -4
    r1 = 0
    *(u32 *)(r10 - 4) = r1
    r1 = table ll
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = r0
    r2 = 0
    r3 = 10
    call bpf_iter_num_new
out:
    r0 = 0
    exit
