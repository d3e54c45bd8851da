// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A tail call that is taken never returns, so the release behind it never runs.
// expect: reject S0108
// linux 6.18: tail_call would lead to reference leak

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("tc")
int tail(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	bpf_tail_call(skb, &next, 0);
	bpf_sk_release(sk);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
