# expect: accept
# A uprobe may sleep.
.license GPL
.section uprobe.s
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = 0
    call bpf_copy_from_user
    r0 = 0
    exit
