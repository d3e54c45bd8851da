// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A field of the socket is read after the release.
// expect: reject S0105
// linux 6.18: R6 invalid mem access 'scalar'

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int use(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	bpf_sk_release(sk);
	if (sk->state == BPF_TCP_LISTEN)
		return TC_ACT_OK;
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
