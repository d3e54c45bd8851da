# expect: accept
# An iterator goes on (0) or asks to be called again (1).
.license GPL
.section iter/task
    r0 = 1
    exit
