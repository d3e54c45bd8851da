# Allowed to a privileged loader: the byte is an unknown number.
# expect: accept

.license GPL
.section tc

    r0 = *(u64 *)(r10 - 8)
    exit
