// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A callback that releases in each turn what it acquired in that turn.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct turn {
	struct __sk_buff *skb;
	__u32 found;
};

static long look_up(__u32 index, struct turn *turn)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;

	tuple.ipv4.dport = index;
	sk = bpf_sk_lookup_tcp(turn->skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	turn->found++;
	bpf_sk_release(sk);
	return 1;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	struct turn turn = { .skb = skb };

	bpf_loop(16, look_up, &turn, 0);
	return turn.found ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
