// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Steers new connections and datagrams to sockets of a map, whatever address those are bound to: one listener for many
// addresses, or ports that change their owner without anybody noticing. An entry without a socket refuses its port.
//
// tests/scenarios/services.scenario.toml shows what it does.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct service {
	__u32 prefixlen; // 32 for protocol and port, then the bits of the address that count
	__u16 protocol; // IPPROTO_*
	__be16 port;
	__be32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 256);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct service);
	__type(value, __u32); // in `sockets`
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

SEC("sk_lookup")
int steer(struct bpf_sk_lookup *ctx)
{
	struct service service = {
		.prefixlen = 64,
		.protocol = ctx->protocol,
		.port = bpf_htons(ctx->local_port),
		.address = ctx->local_ip4,
	};
	struct bpf_sock *sk;
	__u32 *index;
	long error;

	if (ctx->family != 2) // AF_INET
		return SK_PASS;
	index = bpf_map_lookup_elem(&services, &service);
	if (!index)
		return SK_PASS;
	sk = bpf_map_lookup_elem(&sockets, index);
	if (!sk)
		return SK_DROP;
	error = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return error ? SK_DROP : SK_PASS;
}
