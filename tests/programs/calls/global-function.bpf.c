// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A global function with the context, a number and memory that may be NULL: verified once, for any arguments.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct port {
	__u16 number;
	__u16 seen;
};

__noinline int listens(struct __sk_buff *skb, int wanted, struct port *port)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	int found;

	tuple.ipv4.dport = wanted;
	if (port)
		tuple.ipv4.dport = port->number;
	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	found = sk->state;
	bpf_sk_release(sk);
	if (port)
		port->seen = 1;
	return found;
}

SEC("tc")
int main_program(struct __sk_buff *skb)
{
	struct port port = { .number = 0x1600 };

	if (listens(skb, 5, 0))
		return TC_ACT_OK;
	return listens(skb, 6, &port) ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
