# expect: accept

.license GPL
.section cgroup/connect4

    *(u32 *)(r1 + 4) = 16777343
    r0 = 1
    exit
