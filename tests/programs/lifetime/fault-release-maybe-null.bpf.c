// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The result of the lookup is released without asking whether there is a socket.
// expect: reject S0104
// linux 6.18: R1 type=sock_or_null expected=sock_common

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int release(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	bpf_sk_release(sk);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
