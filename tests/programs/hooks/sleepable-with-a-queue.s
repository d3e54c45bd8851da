# expect: accept
# Queues are safe in programs that sleep.
.license GPL
.map waiting kind=queue key=0 value=8 entries=4
.section uprobe.s
    r1 = waiting ll
    r0 = 0
    exit
