# expect: reject M0209
# linux 6.18: invalid bpf_context access off=8 size=4
# Half a pointer is nothing.
.license GPL
.hook netfilter
    r2 = *(u32 *)(r1 + 8)
    r0 = 1
    exit
