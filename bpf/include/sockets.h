/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which socket of this network namespace a packet belongs to: one lookup, told as a small number.
 *
 * `find_tcp` and `find_udp` are separate functions that the compiler may not merge. bpf_skc_lookup_tcp returns a
 * `sock_common` and bpf_sk_lookup_udp a `sock`: one load instruction that serves both is refused by the verifier ("same insn
 * cannot be used with different pointers").
 *
 * A socket never leaves these functions, so each of them releases on the only path that acquired.
 */
#ifndef BELAY_SOCKETS_H
#define BELAY_SOCKETS_H

#include "packet.h"

enum found {
	FOUND_NONE,
	FOUND_LISTENER, /* a TCP socket in LISTEN */
	FOUND_TIME_WAIT, /* the remains of a TCP connection */
	FOUND_CONNECTION, /* a TCP socket in any other state, SYN_SENT and SYN_RECV among them */
	FOUND_UDP_CONNECTED, /* connected to just this peer */
	FOUND_UDP_UNCONNECTED, /* takes datagrams from any peer */
};

/*
 * The tuple as the packet has it, from the remote side to the local one. Returns the size that the helper expects, by
 * which it also tells IPv4 from IPv6.
 */
static __always_inline __u32 tuple_of(const struct packet *packet, struct bpf_sock_tuple *tuple)
{
	if (packet->version == 4) {
		tuple->ipv4.saddr = packet->source.word[3];
		tuple->ipv4.daddr = packet->destination.word[3];
		tuple->ipv4.sport = packet->source_port;
		tuple->ipv4.dport = packet->destination_port;
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, &packet->source, sizeof(tuple->ipv6.saddr));
	__builtin_memcpy(tuple->ipv6.daddr, &packet->destination, sizeof(tuple->ipv6.daddr));
	tuple->ipv6.sport = packet->source_port;
	tuple->ipv6.dport = packet->destination_port;
	return sizeof(tuple->ipv6);
}

/* The packet that would answer this one: what we send is looked up as what we would receive. */
static __always_inline void turn_round(struct packet *packet)
{
	struct address source = packet->source;
	__be16 port = packet->source_port;

	packet->source = packet->destination;
	packet->destination = source;
	packet->source_port = packet->destination_port;
	packet->destination_port = port;
}

/*
 * bpf_skc_lookup_tcp and not bpf_sk_lookup_tcp: the latter answers a request socket with its listener and hides TIME_WAIT,
 * so that the last packets of a handshake and of a close would look unwanted.
 */
static __noinline enum found find_tcp(void *ctx, const struct packet *packet)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = tuple_of(packet, &tuple);
	enum found found = FOUND_CONNECTION;
	struct bpf_sock *sk;

	sk = bpf_skc_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return FOUND_NONE;
	if (sk->state == BPF_TCP_LISTEN)
		found = FOUND_LISTENER;
	else if (sk->state == BPF_TCP_TIME_WAIT)
		found = FOUND_TIME_WAIT;
	bpf_sk_release(sk);
	return found;
}

static __noinline enum found find_udp(void *ctx, const struct packet *packet)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = tuple_of(packet, &tuple);
	enum found found = FOUND_UDP_UNCONNECTED;
	struct bpf_sock *sk;

	sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return FOUND_NONE;
	if (sk->dst_port)
		found = FOUND_UDP_CONNECTED;
	bpf_sk_release(sk);
	return found;
}

static __always_inline enum found find_socket(void *ctx, const struct packet *packet)
{
	if (packet->protocol == IPPROTO_TCP)
		return find_tcp(ctx, packet);
	if (packet->protocol == IPPROTO_UDP)
		return find_udp(ctx, packet);
	return FOUND_NONE;
}

#endif
