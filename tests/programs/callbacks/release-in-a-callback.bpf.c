// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A callback releases the socket that its caller looked up, and the caller releases it too: right only if the loop
// makes no turn at all.
// expect: reject S0114
// linux 6.18: R1 type=scalar expected=sock_common, sock, tcp_sock, xdp_sock, ptr_, trusted_ptr_

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct turn {
	struct bpf_sock *sk;
};

static long release(__attribute__((unused)) __u32 index, struct turn *turn)
{
	bpf_sk_release(turn->sk);
	return 0;
}

SEC("tc")
int release_twice(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct turn turn;

	turn.sk = bpf_sk_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!turn.sk)
		return TC_ACT_OK;
	bpf_loop(2, release, &turn, 0);
	bpf_sk_release(turn.sk);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
