// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The plain form: look a TCP socket up from the packet, decide by its state, release it once on every path.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int tcp(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bpf_sock_tuple *tuple = data + 14 + 12; /* the addresses of an IPv4 header without options */
	struct bpf_sock *sk;
	int action = TC_ACT_SHOT;

	if (skb->protocol != bpf_htons(0x0800) || (void *)tuple + sizeof(tuple->ipv4) > end)
		return TC_ACT_OK;
	sk = bpf_sk_lookup_tcp(skb, tuple, sizeof(tuple->ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	if (sk->state == BPF_TCP_ESTABLISHED || sk->src_port == 22)
		action = TC_ACT_OK;
	bpf_sk_release(sk);
	return action;
}

char _license[] SEC("license") = "Dual MIT/GPL";
