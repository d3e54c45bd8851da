# expect: reject C0401
# linux 6.18: program of this type cannot use helper bpf_ktime_get_ns#5
# The test structure opens no helper to its members.
.license GPL
.section struct_ops/bpf_dummy_ops.test_1
    call bpf_ktime_get_ns
    exit
