# expect: reject C0405
# linux 6.18: expected prog array map for tail call

.license GPL
.map table kind=array key=4 value=4 entries=1
.section tc

    r2 = table ll
    r3 = 0
    call bpf_tail_call
    r0 = 0
    exit
