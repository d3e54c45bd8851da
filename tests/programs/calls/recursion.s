# expect: reject C0406
# linux 6.18: the call stack of 9 frames is too deep

.license GPL
.section tc

    call self
    r0 = 0
    exit
self:
    call self
    r0 = 0
    exit
