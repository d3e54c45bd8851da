// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Listeners are released in their own branch and once more at the end.
// expect: reject S0103
// linux 6.18: R1 type=scalar expected=sock_common

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int twice(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	if (sk->state == BPF_TCP_LISTEN) {
		skb->mark = 1;
		bpf_sk_release(sk);
	}
	bpf_sk_release(sk);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
