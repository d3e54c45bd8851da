// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A subprogram stores the socket in its caller's stack frame, and the caller forgets to release what it was given.
// expect: reject S0101
// linux 6.18: Unreleased reference id=2 alloc_insn=26

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static __noinline int find(struct __sk_buff *skb, struct bpf_sock **found)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };

	*found = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	return 0;
}

SEC("tc")
int leak(struct __sk_buff *skb)
{
	struct bpf_sock *sk = NULL;

	find(skb, &sk);
	if (sk)
		return TC_ACT_OK;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
