// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A subprogram looks a socket up and returns a number: the socket is still held when the main program exits.
// expect: reject S0101
// linux 6.18: Unreleased reference id=2 alloc_insn=21

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static __noinline int somebody_listens(struct __sk_buff *skb, __u16 port)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(port) };
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	return sk->state == BPF_TCP_LISTEN;
}

SEC("tc")
int leak(struct __sk_buff *skb)
{
	if (somebody_listens(skb, 22))
		return TC_ACT_OK;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
