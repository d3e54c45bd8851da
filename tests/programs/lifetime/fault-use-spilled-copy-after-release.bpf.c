// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A copy of the socket waits in a stack slot while another copy is released; the field is read through the slot.
// expect: reject S0105
// linux 6.18: R1 invalid mem access 'scalar'

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int use(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *volatile kept; /* volatile: the copy lives in memory */
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	kept = sk;
	bpf_sk_release(sk);
	return kept->mark == 7 ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
