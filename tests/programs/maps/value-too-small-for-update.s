# expect: reject M0201
# linux 6.18: invalid read from stack R3 off=-8 size=16

.license GPL
.map flows kind=hash key=4 value=16 entries=16
.section tc

    *(u64 *)(r10 - 8) = 0
    r1 = flows ll
    r2 = r10
    r2 += -4
    r3 = r10
    r3 += -8
    r4 = 0
    call bpf_map_update_elem
    r0 = 0
    exit
