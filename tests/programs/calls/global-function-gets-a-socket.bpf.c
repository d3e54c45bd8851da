// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A socket is passed where a global function wants memory.
// expect: reject C0403
// linux 6.18: Caller passes invalid args into func#1 ('state')

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

__noinline int state(struct bpf_sock *sk)
{
	return sk ? sk->state : 0;
}

SEC("tc")
int main_program(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	int found;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	found = state(sk);
	bpf_sk_release(sk);
	return found ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
