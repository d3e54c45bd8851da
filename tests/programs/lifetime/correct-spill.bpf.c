// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The only copy of the socket survives a call in a stack slot, is filled back, checked and released.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int spill(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *volatile slot; /* volatile: the copy lives in memory */
	struct bpf_sock *sk;

	slot = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	skb->mark = bpf_get_prandom_u32();
	sk = slot;
	if (sk)
		bpf_sk_release(sk);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
