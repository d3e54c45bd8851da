# A context pointer that was moved may not be read through, although the sum is a field.
# expect: reject M0210
# linux 6.18: dereference of modified ctx ptr R1 off=8 disallowed

.license GPL
.section tc

    r1 += 8
    r0 = *(u32 *)(r1 + 0)
    exit
