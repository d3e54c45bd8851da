// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The only variable that holds the first socket receives the second one: the first can never be released.
// The copy is in a stack slot, so that the overwriting is a store and not merely the next call.
// expect: reject S0102
// linux 6.18: Unreleased reference id=2 alloc_insn=16

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int leak(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *volatile sk;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	tuple.ipv4.dport = bpf_htons(80);
	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	struct bpf_sock *second = sk;
	if (second)
		bpf_sk_release(second);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
