// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Views of a looked-up socket (`bpf_tcp_sock`, `bpf_sk_fullsock`) are used before its release; the listener behind it is borrowed and
// may be used even after it.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int views(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct bpf_sock *sk, *full, *listener;
	struct bpf_tcp_sock *tcp;
	__u32 window = 0;

	sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	tcp = bpf_tcp_sock(sk);
	if (tcp)
		window = tcp->snd_cwnd;
	full = bpf_sk_fullsock(sk);
	if (full)
		window += full->mark;
	listener = bpf_get_listener_sock(sk);
	bpf_sk_release(sk);
	if (listener && listener->src_port == 22)
		return TC_ACT_OK;
	return window > 10 ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
