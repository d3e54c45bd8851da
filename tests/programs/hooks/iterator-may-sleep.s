# expect: accept
# Iterators may sleep: they run in a task.
.license GPL
.section iter.s/task
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = 0
    call bpf_copy_from_user
    r0 = 0
    exit
