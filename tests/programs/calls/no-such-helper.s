# expect: reject C0401
# linux 6.18: invalid func unknown#9999

.license GPL
.section tc

    call 9999
    r0 = 0
    exit
