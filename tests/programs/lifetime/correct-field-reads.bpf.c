// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every field of `struct bpf_sock`, at its own width and, where Linux allows it, narrower.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int fields(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *volatile found;
	volatile struct bpf_sock *sk; /* volatile: each read is made, at the width written here */
	__u32 sum = 0;

	found = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	sk = found;
	if (!sk)
		return TC_ACT_SHOT;
	sum += sk->bound_dev_if;
	sum += sk->family;
	sum += sk->type;
	sum += sk->protocol;
	sum += sk->mark;
	sum += sk->priority;
	sum += sk->src_ip4;
	sum += sk->src_ip6[0] + sk->src_ip6[1] + sk->src_ip6[2] + sk->src_ip6[3];
	sum += sk->src_port;
	sum += sk->dst_port;
	sum += sk->dst_ip4;
	sum += sk->dst_ip6[0] + sk->dst_ip6[1] + sk->dst_ip6[2] + sk->dst_ip6[3];
	sum += sk->state;
	sum += sk->rx_queue_mapping;
	sum += *(volatile __u8 *)&sk->state;
	sum += *(volatile __u16 *)&sk->src_port;
	bpf_sk_release((void *)sk);
	return sum ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
