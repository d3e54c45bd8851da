// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A UDP lookup with an IPv6 tuple; a connected socket is told from an unconnected one by its peer port.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int udp(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	int action;

	if (bpf_skb_load_bytes(skb, 14 + 8, &tuple.ipv6, sizeof(tuple.ipv6)))
		return TC_ACT_OK;
	sk = bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	action = sk->dst_port ? TC_ACT_OK : TC_ACT_SHOT;
	bpf_sk_release(sk);
	return action;
}

char _license[] SEC("license") = "Dual MIT/GPL";
