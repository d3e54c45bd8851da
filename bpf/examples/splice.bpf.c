// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Takes the network stack out of local connections: both ends are put into a map when they are established, and what one
// of them sends goes straight into the other's receive queue.
//
// tests/scenarios/splice.scenario.toml shows what it does.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

// The ends of a connection, as one of its sockets sees them.
struct flow {
	__be32 local;
	__be32 remote;
	__u32 local_port;
	__u32 remote_port;
};

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, __u64);
} ends SEC(".maps");

SEC("sockops")
int established(struct bpf_sock_ops *ctx)
{
	struct flow flow = {};

	if (ctx->family != 2) // AF_INET
		return 1;
	switch (ctx->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		flow.local = ctx->local_ip4;
		flow.remote = ctx->remote_ip4;
		flow.local_port = ctx->local_port;
		flow.remote_port = bpf_ntohl(ctx->remote_port);
		bpf_sock_hash_update(ctx, &ends, &flow, BPF_NOEXIST);
		// Tell when it closes, too.
		bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
		break;
	case BPF_SOCK_OPS_RWND_INIT:
		ctx->reply = 40;
		break;
	}
	return 1;
}

SEC("sk_msg")
int sent(struct sk_msg_md *ctx)
{
	struct flow other = {};

	if (ctx->family != 2)
		return SK_PASS;
	// The other end sees it the other way round.
	other.local = ctx->remote_ip4;
	other.remote = ctx->local_ip4;
	other.local_port = bpf_ntohl(ctx->remote_port);
	other.remote_port = ctx->local_port;
	bpf_msg_redirect_hash(ctx, &ends, &other, BPF_F_INGRESS);
	return SK_PASS;
}
