// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A socket is looked up, read and forgotten: no path releases it.
// expect: reject S0101
// linux 6.18: Unreleased reference id=2 alloc_insn=16

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int leak(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	skb->mark = bpf_get_prandom_u32();
	skb->priority = sk->priority;
	/* `sk` stays in its register up to the end: nothing overwrites it, it is simply never released. */
	asm volatile("" ::"r"(sk));
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
