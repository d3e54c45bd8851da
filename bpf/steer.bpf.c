// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Steers by whether an application is here: what a socket of this network namespace wants goes up the stack, the rest is
// redirected to another device, before the stack has made an skb of it. The moment a listener opens or closes, new
// connections follow; established ones stay where their socket is.
//
//     packet                              goes
//     TCP or UDP that a socket here wants up; established first, then listeners, as the stack itself looks
//     ICMP error                          where the socket is that sent what it quotes
//     other TCP and UDP                   to the target
//     not IP, or not TCP or UDP           up: ARP, neighbour discovery and ping are for the address, not for a socket
//     any fragment                        up: later ones carry no ports, and a datagram must not be split in two
//     malformed or truncated              up: the stack counts it and drops it
//     not for an address of ours          to the target (asked only when `check_local` is set, see local.h)
//
// Maps
//     target   array, one entry: the device to redirect to, and the link addresses to write when `rewrite` is not 0.
//              While `ifindex` is 0, everything goes up.
//     local    see local.h
//     stats    per-CPU array: `enum outcome` -> packets and bytes
#include "local.h"
#include "packet.h"
#include "sockets.h"

// Where a packet went: indices of `stats`.
enum outcome {
	UP_SOCKET,
	UP_ERROR, // an ICMP error for a socket here
	UP_NOT_STEERED, // neither TCP nor UDP
	UP_FRAGMENT,
	UP_UNREADABLE,
	UP_NO_TARGET,
	REDIRECTED,
	OUTCOMES,
};

struct target {
	__u32 ifindex;
	__u8 destination[ETH_ALEN];
	__u8 source[ETH_ALEN];
	__u32 rewrite;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct target);
} target SEC(".maps");

struct count {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, struct count);
} stats SEC(".maps");

static __noinline int count(struct xdp_md *ctx, enum outcome outcome)
{
	__u32 index = outcome;
	struct count *entry = bpf_map_lookup_elem(&stats, &index);

	if (entry) {
		entry->packets++;
		entry->bytes += ctx->data_end - ctx->data;
	}
	return 0;
}

// Noinline, so that every packet pointer dies with it.
static __noinline enum parsed parse(struct xdp_md *ctx, struct packet *packet)
{
	return parse_frame((void *)(long)ctx->data, (void *)(long)ctx->data_end, packet);
}

static __noinline enum parsed parse_error(struct xdp_md *ctx, const struct packet *error, struct packet *quoted)
{
	return parse_quoted((void *)(long)ctx->data, (void *)(long)ctx->data_end, error, quoted);
}

static __always_inline int up(struct xdp_md *ctx, enum outcome outcome)
{
	count(ctx, outcome);
	return XDP_PASS;
}

static __noinline int redirect(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	__u32 zero = 0;
	struct target *to = bpf_map_lookup_elem(&target, &zero);

	if (!to || !to->ifindex || data + sizeof(*ethernet) > end)
		return up(ctx, UP_NO_TARGET);
	if (to->rewrite) {
		__builtin_memcpy(ethernet->h_dest, to->destination, ETH_ALEN);
		__builtin_memcpy(ethernet->h_source, to->source, ETH_ALEN);
	}
	count(ctx, REDIRECTED);
	return bpf_redirect(to->ifindex, 0);
}

static __noinline int steer_error(struct xdp_md *ctx, const struct packet *error)
{
	struct packet quoted = {};

	// Who sent it cannot be read, or it was not a socket: a ping from here, say.
	if (parse_error(ctx, error, &quoted) != PARSED_TRANSPORT ||
	    (quoted.protocol != IPPROTO_TCP && quoted.protocol != IPPROTO_UDP))
		return up(ctx, UP_NOT_STEERED);
	turn_round(&quoted);
	return find_socket(ctx, &quoted) == FOUND_NONE ? redirect(ctx) : up(ctx, UP_ERROR);
}

SEC("xdp")
int steer(struct xdp_md *ctx)
{
	struct packet packet = {};

	switch (parse(ctx, &packet)) {
	case PARSED_TRANSPORT:
		break;
	case PARSED_LATER_FRAGMENT:
		return up(ctx, UP_FRAGMENT);
	case PARSED_NOT_IP:
		return up(ctx, UP_NOT_STEERED);
	default:
		return up(ctx, UP_UNREADABLE);
	}
	if (packet.fragment)
		return up(ctx, UP_FRAGMENT);
	if (is_icmp_error(&packet))
		return steer_error(ctx, &packet);
	if (packet.protocol != IPPROTO_TCP && packet.protocol != IPPROTO_UDP)
		return up(ctx, UP_NOT_STEERED);
	if (is_for_this_host(&packet) && find_socket(ctx, &packet) != FOUND_NONE)
		return up(ctx, UP_SOCKET);
	return redirect(ctx);
}

char _license[] SEC("license") = "Dual MIT/GPL";
