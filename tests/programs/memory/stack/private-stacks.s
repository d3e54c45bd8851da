# expect: accept
# Programs that never interrupt themselves give each larger function a stack of its own.
.license GPL
.section raw_tp
    r1 = 42
    *(u64 *)(r10 - 512) = r1
    call below
    r0 = 0
    exit
.func below
    *(u64 *)(r10 - 512) = 0
    r0 = 0
    exit
