# packet: mark=0 priority=0 cb=0,0,0,0,0 0000000000007b432a0850ec0800450000320001000040110000a931162980f21a060c3758df266044bb1ff7124d9a3c8750c114559ad85ad6ca73cc
# returns: 0x0 mark=0 priority=0 cb=0,0,0,0,0 0000000000007b432a0850ec08004500003200010000

# Room is made behind the network header, of which the packet has nothing left: Linux moves the bytes in front of that place
# without asking where the packet ends, so eight that were cut off are in it again.

.license GPL
.section tc
.prog main
    r6 = r1
    r2 = 14
    r3 = 0
    call bpf_skb_change_tail
    r1 = r6
    r2 = 8
    r3 = 0
    r4 = 4
    call bpf_skb_adjust_room
    exit
