// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A load balancer without packets: who connects to a service is connected to one of its backends, and is told all along
// that it talks to the service.
//
//     connect4, sendmsg4         the service's address becomes a backend's, chosen by the socket's cookie
//     getpeername4, recvmsg4     the backend's becomes the service's again
//
// tests/scenarios/balance.scenario.toml shows what it does.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct end {
	__be32 address;
	__be16 port;
	__u16 protocol; // IPPROTO_*
};

struct backends {
	__u32 first; // in `backends`
	__u32 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct end);
	__type(value, struct backends);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct end);
} backends SEC(".maps");

// What a socket believes to talk to, by cookie.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct end);
} believed SEC(".maps");

static __always_inline int forward(struct bpf_sock_addr *ctx)
{
	struct end service = {
		.address = ctx->user_ip4,
		.port = ctx->user_port,
		.protocol = ctx->protocol,
	};
	struct backends *of = bpf_map_lookup_elem(&services, &service);
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct end *chosen;
	__u32 index;

	if (!of)
		return 1;
	if (!of->count) {
		bpf_set_retval(-111); // ECONNREFUSED
		return 0;
	}
	index = of->first + (__u32)cookie % of->count;
	chosen = bpf_map_lookup_elem(&backends, &index);
	if (!chosen)
		return 0;
	bpf_map_update_elem(&believed, &cookie, &service, BPF_ANY);
	ctx->user_ip4 = chosen->address;
	ctx->user_port = chosen->port;
	return 1;
}

static __always_inline int back(struct bpf_sock_addr *ctx)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct end *service = bpf_map_lookup_elem(&believed, &cookie);

	if (service) {
		ctx->user_ip4 = service->address;
		ctx->user_port = service->port;
	}
	return 1;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return forward(ctx);
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	return forward(ctx);
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *ctx)
{
	return back(ctx);
}

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *ctx)
{
	return back(ctx);
}
