// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The forms of the network namespace argument: the current one, any negative number, and an id that the packet chooses.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static __always_inline int present(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u64 netns)
{
	struct bpf_sock *sk = bpf_skc_lookup_tcp(skb, tuple, sizeof(tuple->ipv4), netns, 0);

	if (!sk)
		return 0;
	bpf_sk_release(sk);
	return 1;
}

SEC("tc")
int netns(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };

	if (present(skb, &tuple, BPF_F_CURRENT_NETNS) || present(skb, &tuple, -7) || present(skb, &tuple, 0) ||
	    present(skb, &tuple, skb->mark & 0xff))
		return TC_ACT_OK;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
