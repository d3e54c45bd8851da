# expect: reject C0402
# linux 6.18: helper call might sleep in a non-sleepable prog
# Only sleepable programs may sleep.
.license GPL
.section kprobe
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = 0
    call bpf_copy_from_user
    r0 = 0
    exit
