// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A global function keeps the socket that it looks up; it is verified on its own, so the leak is its own.
// expect: reject S0101
// linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

__noinline int listens(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	return sk->state;
}

SEC("tc")
int main_program(struct __sk_buff *skb)
{
	return listens(skb) ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
