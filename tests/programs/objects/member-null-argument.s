# The kernel says by a name that the argument may be NULL.
# expect: reject S0104
# linux 6.18: R1 invalid mem access 'trusted_ptr_or_null_'
.license GPL
.section struct_ops/bpf_dummy_ops.test_1
    r1 = *(u64 *)(r1 + 0)
    r2 = *(u32 *)(r1 + 0)
    r0 = 0
    exit
