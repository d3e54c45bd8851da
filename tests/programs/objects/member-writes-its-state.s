# The state of a test may be written, if it is there.
# expect: accept
.license GPL
.section struct_ops/bpf_dummy_ops.test_1
    r1 = *(u64 *)(r1 + 0)
    if r1 == 0 goto done
    *(u32 *)(r1 + 0) = 1
done:
    r0 = 0
    exit
