# packet: mark=1306557202 priority=0 cb=0,0,0,0,0 000000000000f835d3fe8c5c81000005080045f93f47df20000267859a676be0008798190f0501b2efed7aaf
# returns: 0x1 mark=1306557202 priority=0 cb=0,0,0,0,0 000000000000f835d3fe8c5c81000007080045f93f47df20ffff67859a676be0008798190f0501b2efed7aaf

# The header's checksum becomes 0xffff, not 0.

.license GPL
.section tc
.prog main
    call bpf_skb_ecn_set_ce
    exit
