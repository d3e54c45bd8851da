// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A callback of `bpf_loop` looks a socket up and says only whether there was one: each turn leaks a socket.
// expect: reject S0114
// linux 6.18: BPF_EXIT instruction in main prog would lead to reference leak

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct turn {
	struct __sk_buff *skb;
};

static long look_up(__attribute__((unused)) __u32 index, struct turn *turn)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(turn->skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	return sk ? 1 : 0;
}

SEC("tc")
int leak(struct __sk_buff *skb)
{
	struct turn turn = { .skb = skb };

	bpf_loop(4, look_up, &turn, 0);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
