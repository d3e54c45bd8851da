// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A global function throws while its caller holds a socket.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;

__attribute__((noinline)) int fails(int number)
{
	if (number == 7)
		bpf_throw(0);
	return number;
}

SEC("tc")
int look(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	int number;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_OK;
	number = fails(skb->mark);
	bpf_sk_release(sk);
	return number;
}

char _license[] SEC("license") = "Dual MIT/GPL";
