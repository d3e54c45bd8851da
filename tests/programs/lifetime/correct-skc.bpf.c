// SPDX-License-Identifier: MIT OR Apache-2.0
//
// `bpf_skc_lookup_tcp` also finds request and `TIME_WAIT` sockets; only the common fields may be read,
// until `bpf_skc_to_tcp_sock` proves a full one. Releasing the cast releases the socket that was looked up.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct tcp_sock;

SEC("tc")
int skc(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = { .ipv4.dport = bpf_htons(22) };
	struct tcp_sock *tcp;
	struct bpf_sock *sk;

	sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return TC_ACT_SHOT;
	if (sk->state == BPF_TCP_TIME_WAIT) {
		bpf_sk_release(sk);
		return TC_ACT_SHOT;
	}
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp) {
		bpf_sk_release(sk);
		return TC_ACT_OK;
	}
	bpf_sk_release(tcp);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
