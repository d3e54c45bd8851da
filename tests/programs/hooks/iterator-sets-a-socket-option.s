# expect: reject C0401
# linux 6.18: program of this type cannot use helper bpf_setsockopt#49
# Of the iterators only those of TCP and Unix sockets hold the socket's lock.
.license GPL
.section iter/udp
    call bpf_setsockopt
    r0 = 0
    exit
