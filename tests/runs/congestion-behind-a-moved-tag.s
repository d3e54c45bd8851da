# packet: mark=0 priority=0 cb=0,0,0,0,0 0000000000007f9fc119d4f4810000050800453279a6cec645c29eab001bf0f2ab6ab765193840b0da376d640721d71ed98524e7b79ed4728dc594bb8920d1bf
# returns: 0x1 mark=0 priority=0 cb=0,0,0,0,0 000000000000007f9fc119d4f4810000070800453279a6cec645c09eab001bf0f2ab6ab765193840b0da376d640721d71ed98524e7b79ed4728dc594bb8920d1bf

# A helper that changes the link header measures it, and VLAN tags are looked for at its end.

.license GPL
.section tc
.prog main
    r6 = r1
    r1 = r6
    r2 = 1
    r3 = 0
    call bpf_skb_change_head
    r1 = r6
    call bpf_skb_ecn_set_ce
    exit
