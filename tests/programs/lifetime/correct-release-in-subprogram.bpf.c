// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A subprogram discharges the obligation of its caller, on both of its paths.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

static __noinline int decide_and_release(struct __sk_buff *skb, struct bpf_sock *sk)
{
	if (!sk) /* a static subprogram is verified with what the caller passes: this check is where NULL ends */
		return TC_ACT_SHOT;
	skb->mark = sk->state;
	bpf_sk_release(sk);
	return TC_ACT_OK;
}

SEC("tc")
int caller(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };

	return decide_and_release(
		skb, bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0));
}

char _license[] SEC("license") = "Dual MIT/GPL";
