// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The same lookup before the stack has made an skb.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int early(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bpf_sock_tuple *tuple = data + 14 + 12;
	struct bpf_sock *sk;

	if ((void *)tuple + sizeof(tuple->ipv4) > end)
		return XDP_PASS;
	sk = bpf_sk_lookup_tcp(ctx, tuple, sizeof(tuple->ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return XDP_DROP;
	bpf_sk_release(sk);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
