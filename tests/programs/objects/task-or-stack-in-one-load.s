# ... but not an object and the stack.
# expect: reject M0215
# linux 6.18: same insn cannot be used with different pointers
.license GPL
.hook raw_tracepoint
.prog main
    r6 = *(u64 *)(r1 + 0)
    *(u64 *)(r10 - 8) = 0
    call bpf_get_current_task_btf
    if r6 == 0 goto load
    r0 = r10
    r0 += -8
load:
    r1 = *(u32 *)(r0 + 0)
    r0 = 0
    exit
