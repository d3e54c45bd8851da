# expect: reject C0403
# linux 6.18: R1 type=scalar expected=map_value, ptr_
# A number is no lock.

.license GPL
.map guarded kind=hash key=4 value=16 entries=8 fields=8:bpf_spin_lock
.section tc

    r1 = 5
    call bpf_spin_lock
    r0 = 0
    exit
    
