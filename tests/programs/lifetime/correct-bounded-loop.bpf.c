// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Eight lookups in a loop that the compiler must not unroll, each released before the next.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int loop(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	__u32 listeners = 0;

#pragma clang loop unroll(disable)
	for (__u16 i = 0; i < 8; i++) {
		struct bpf_sock *sk;

		tuple.ipv4.dport = bpf_htons(8080 + i);
		sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
		if (!sk)
			continue;
		if (sk->state == BPF_TCP_LISTEN)
			listeners++;
		bpf_sk_release(sk);
	}
	return listeners ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
