# A loop that begins with its test, below its first instruction.
# expect: accept
.license GPL
.hook sched_cls
.prog main
    r1 = 0
    goto test
top:
    r1 += 1
test:
    if r1 < 10 goto top
    r0 = 0
    exit
