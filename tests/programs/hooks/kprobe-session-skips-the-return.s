# expect: accept
# A session says with 0 or 1 whether its return probe runs.
.license GPL
.hook kprobe/session
    r0 = 1
    exit
