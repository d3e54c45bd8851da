// SPDX-License-Identifier: MIT OR Apache-2.0
//
// `bpf_for_each_map_elem` hands the map, a key and its value to a function that holds a socket over none of them.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} ports SEC(".maps");

struct turn {
	struct __sk_buff *skb;
};

static long each(__attribute__((unused)) void *map, __u32 *port, __u64 *count, struct turn *turn)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;

	tuple.ipv4.dport = *port;
	sk = bpf_skc_lookup_tcp(turn->skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (sk) {
		*count += 1;
		bpf_sk_release(sk);
	}
	return 0;
}

SEC("tc")
int count_listeners(struct __sk_buff *skb)
{
	struct turn turn = { .skb = skb };

	bpf_for_each_map_elem(&ports, each, &turn, 0);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
