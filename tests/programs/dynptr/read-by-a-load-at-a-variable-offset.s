# Nor at an offset that may hit it.
# expect: reject M0216
# linux 6.18: invalid read from stack R1 var_off (0x0; 0xf)+0 size 1

.license GPL
.map ring kind=ringbuf entries=4096
.map values kind=array key=4 value=64 entries=1
.section tc

    r1 = ring ll
    r2 = 8
    r3 = 0
    r4 = r10
    r4 += -24
    call bpf_ringbuf_reserve_dynptr
    call bpf_get_prandom_u32
    r0 &= 15
    r1 = r10
    r1 += -16
    r1 += r0
    r2 = *(u8 *)(r1 + 0)
    r1 = r10
    r1 += -24
    r2 = 0
    call bpf_ringbuf_discard_dynptr
out:
    r0 = 0
    exit
