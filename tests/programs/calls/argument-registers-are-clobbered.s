# expect: reject R0301
# linux 6.18: R3 !read_ok

.license GPL
.section tc

    r3 = 7
    call bpf_ktime_get_ns
    r0 = r3
    exit
