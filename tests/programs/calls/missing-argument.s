# expect: reject R0301
# linux 6.18: R2 !read_ok

.license GPL
.section tc

    call bpf_skb_pull_data
    r0 = 0
    exit
