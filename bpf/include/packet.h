/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a frame says about itself, as far as the socket table needs it: addresses, protocol, ports.
 *
 * Everything here works on a window [data, end) of the packet and on offsets into it, so that a frame and the packet that
 * an ICMP error quotes are read by the same code, for tc and for XDP. A packet pointer never leaves the function that
 * checked it: pulling an skb's data, or a call, would make it stale.
 *
 * Invariant: a `struct packet` is filled to the end only by PARSED_TRANSPORT; each other outcome says what is missing.
 */
#ifndef BELAY_PACKET_H
#define BELAY_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d. In network byte order. */
struct address {
	__be32 word[4];
};

struct packet {
	struct address source;
	struct address destination;
	__be16 source_port; /* of TCP and UDP; of ICMP the identifier of an echo, in both; else 0 */
	__be16 destination_port;
	__u8 version; /* 4 or 6 */
	__u8 protocol; /* IPPROTO_*: what comes after the extension headers */
	__u8 tcp_flags; /* the 14th byte of a TCP header */
	__u8 icmp_type;
	__u8 fragment; /* one of several: `more fragments` is set, or the offset is not 0 */
	__u8 reserved[3];
	__u32 transport; /* offset of the transport header in the window */
};

enum parsed {
	PARSED_TRANSPORT, /* addresses, protocol and ports are known */
	PARSED_LATER_FRAGMENT, /* addresses are known; ports are in another fragment */
	PARSED_NOT_IP, /* neither IPv4 nor IPv6: ARP, LLDP, ... */
	PARSED_TRUNCATED, /* a header is not wholly in the window */
	PARSED_MALFORMED, /* a header contradicts itself */
};

/* The smallest part of a transport header to insist on. An ICMP error quotes 8 bytes of what it is about. */
enum transport_part { WHOLE_HEADER, QUOTED_HEADER };

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_ACK 0x10

#define VLAN_TAGS_MAX 2
/* Longer chains of extension headers are legal, and not met outside of attacks. */
#define EXTENSION_HEADERS_MAX 6
/* Headers beyond this offset are not looked for: it keeps every offset provably within a packet. */
#define HEADERS_MAX 1024

#ifndef ETH_P_8021AD
#define ETH_P_8021AD 0x88A8
#endif
#ifndef IPPROTO_IGMP
#define IPPROTO_IGMP 2
#endif
#define IPPROTO_NEXT_ICMPV6 58
#define IP_MORE_FRAGMENTS 0x2000
#define IP_FRAGMENT_OFFSET 0x1fff
#define IPV6_FRAGMENT_OFFSET 0xfff8

struct vlan_tag {
	__be16 identifier;
	__be16 next;
};

/* The first bytes of hop-by-hop, routing, destination option and authentication headers. */
struct extension_header {
	__u8 next;
	__u8 length; /* in units of 8 bytes without the first 8; of an authentication header: of 4 without the first 8 */
};

struct fragment_header {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 identification;
};

struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 identifier; /* of an echo */
	__be16 sequence;
};

/* SIZE bytes at OFFSET of the window as a pointer, or NULL when they are not wholly in it. */
#define packet_at(data, end, offset, size)                                                                      \
	({                                                                                                      \
		void *at_ = (data) + (offset);                                                                  \
		at_ + (size) > (end) ? NULL : at_;                                                              \
	})

static __always_inline void address_from_ipv4(struct address *address, __be32 ipv4)
{
	address->word[0] = 0;
	address->word[1] = 0;
	address->word[2] = bpf_htonl(0xffff);
	address->word[3] = ipv4;
}

static __always_inline void address_from_ipv6(struct address *address, const struct in6_addr *ipv6)
{
	__builtin_memcpy(address, ipv6, sizeof(*address));
}

static __always_inline bool address_is_multicast(const struct address *address)
{
	if (address->word[0] == 0 && address->word[1] == 0 && address->word[2] == bpf_htonl(0xffff))
		return (address->word[3] & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) ||
		       address->word[3] == bpf_htonl(0xffffffff);
	return (address->word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

/* Read the transport header at `packet->transport`; `limit` is where the IP packet ends, or 0 when it does not say. */
static __always_inline enum parsed parse_transport(void *data, void *end, __u32 limit, enum transport_part part,
						   struct packet *packet)
{
	__u32 offset = packet->transport;
	__u32 size = 0;

	if (offset > HEADERS_MAX)
		return PARSED_MALFORMED;
	switch (packet->protocol) {
	case IPPROTO_TCP:
		size = part == WHOLE_HEADER ? sizeof(struct tcphdr) : 8;
		break;
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_NEXT_ICMPV6:
		size = 8;
		break;
	default:
		return PARSED_TRANSPORT;
	}
	/* Without this, the padding of a short frame would be read as a header. */
	if (limit && offset + size > limit)
		return PARSED_MALFORMED;

	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP) {
		struct udphdr *ports = packet_at(data, end, offset, sizeof(*ports));

		if (!ports)
			return PARSED_TRUNCATED;
		packet->source_port = ports->source;
		packet->destination_port = ports->dest;
		if (packet->protocol == IPPROTO_TCP && part == WHOLE_HEADER) {
			__u8 *tcp = packet_at(data, end, offset, sizeof(struct tcphdr));

			if (!tcp)
				return PARSED_TRUNCATED;
			packet->tcp_flags = tcp[13];
		}
	} else {
		struct icmp_header *icmp = packet_at(data, end, offset, sizeof(*icmp));

		if (!icmp)
			return PARSED_TRUNCATED;
		packet->icmp_type = icmp->type;
		packet->source_port = icmp->identifier;
		packet->destination_port = icmp->identifier;
	}
	return PARSED_TRANSPORT;
}

static __always_inline enum parsed parse_ipv4(void *data, void *end, __u32 offset, enum transport_part part,
					      struct packet *packet)
{
	struct iphdr *ip = packet_at(data, end, offset, sizeof(*ip));
	__u32 length, header, limit;
	__u16 fragment;

	if (!ip)
		return PARSED_TRUNCATED;
	header = ip->ihl * 4;
	length = bpf_ntohs(ip->tot_len); /* 0 in a segment too long for 16 bits */
	if (ip->version != 4 || header < sizeof(*ip) || (length && length < header))
		return PARSED_MALFORMED;
	limit = length ? offset + length : 0;
	packet->version = 4;
	packet->protocol = ip->protocol;
	packet->transport = offset + header;
	address_from_ipv4(&packet->source, ip->saddr);
	address_from_ipv4(&packet->destination, ip->daddr);

	fragment = bpf_ntohs(ip->frag_off);
	packet->fragment = (fragment & (IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET)) != 0;
	if (fragment & IP_FRAGMENT_OFFSET) {
		/* RFC 3128: a fragment that could overwrite the TCP flags of the first one. */
		if (packet->protocol == IPPROTO_TCP && (fragment & IP_FRAGMENT_OFFSET) == 1)
			return PARSED_MALFORMED;
		return PARSED_LATER_FRAGMENT;
	}
	return parse_transport(data, end, limit, part, packet);
}

static __always_inline enum parsed parse_ipv6(void *data, void *end, __u32 offset, enum transport_part part,
					      struct packet *packet)
{
	struct ipv6hdr *ip = packet_at(data, end, offset, sizeof(*ip));
	__u32 limit;
	__u8 next;

	if (!ip)
		return PARSED_TRUNCATED;
	if (ip->version != 6)
		return PARSED_MALFORMED;
	packet->version = 6;
	address_from_ipv6(&packet->source, &ip->saddr);
	address_from_ipv6(&packet->destination, &ip->daddr);
	limit = ip->payload_len ? offset + sizeof(*ip) + bpf_ntohs(ip->payload_len) : 0; /* 0: a jumbogram */
	next = ip->nexthdr;
	offset += sizeof(*ip);

#pragma clang loop unroll(disable)
	for (int i = 0; i < EXTENSION_HEADERS_MAX; i++) {
		if (offset > HEADERS_MAX)
			return PARSED_MALFORMED;
		if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_AH) {
			struct extension_header *extension = packet_at(data, end, offset, 8);

			if (!extension)
				return PARSED_TRUNCATED;
			offset += next == IPPROTO_AH ? (extension->length + 2) * 4 : (extension->length + 1) * 8;
			next = extension->next;
		} else if (next == IPPROTO_FRAGMENT) {
			struct fragment_header *header = packet_at(data, end, offset, sizeof(*header));

			if (!header)
				return PARSED_TRUNCATED;
			packet->fragment = 1;
			offset += sizeof(*header);
			next = header->next;
			if (header->offset & bpf_htons(IPV6_FRAGMENT_OFFSET)) {
				packet->protocol = next;
				packet->transport = offset;
				return PARSED_LATER_FRAGMENT;
			}
		} else {
			packet->protocol = next;
			packet->transport = offset;
			return parse_transport(data, end, limit, part, packet);
		}
	}
	return PARSED_MALFORMED;
}

static __always_inline enum parsed parse_ip(void *data, void *end, __u32 offset, __be16 ethertype,
					    enum transport_part part, struct packet *packet)
{
	if (ethertype == bpf_htons(ETH_P_IP))
		return parse_ipv4(data, end, offset, part, packet);
	if (ethertype == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(data, end, offset, part, packet);
	return PARSED_NOT_IP;
}

/* Read an Ethernet frame. `packet` must be zeroed. */
static __always_inline enum parsed parse_frame(void *data, void *end, struct packet *packet)
{
	struct ethhdr *ethernet = packet_at(data, end, 0, sizeof(*ethernet));
	__u32 offset = sizeof(*ethernet);
	__be16 ethertype;

	if (!ethernet)
		return PARSED_TRUNCATED;
	ethertype = ethernet->h_proto;
#pragma clang loop unroll(full)
	for (int i = 0; i < VLAN_TAGS_MAX; i++) {
		if (ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD)) {
			struct vlan_tag *tag = packet_at(data, end, offset, sizeof(*tag));

			if (!tag)
				return PARSED_TRUNCATED;
			ethertype = tag->next;
			offset += sizeof(*tag);
		}
	}
	return parse_ip(data, end, offset, ethertype, WHOLE_HEADER, packet);
}

/* Read the packet that the ICMP error `error` quotes. `quoted` must be zeroed. */
static __always_inline enum parsed parse_quoted(void *data, void *end, const struct packet *error,
						struct packet *quoted)
{
	__u32 offset = error->transport + sizeof(struct icmp_header);

	if (offset > HEADERS_MAX)
		return PARSED_MALFORMED;
	if (error->version == 4)
		return parse_ipv4(data, end, offset, QUOTED_HEADER, quoted);
	return parse_ipv6(data, end, offset, QUOTED_HEADER, quoted);
}

/* Whether the packet is an ICMP message that quotes the packet which caused it. */
static __always_inline bool is_icmp_error(const struct packet *packet)
{
	if (packet->protocol == IPPROTO_ICMP && packet->version == 4)
		/* destination unreachable, redirect, time exceeded, parameter problem */
		return packet->icmp_type == 3 || packet->icmp_type == 5 || packet->icmp_type == 11 ||
		       packet->icmp_type == 12;
	if (packet->protocol == IPPROTO_NEXT_ICMPV6 && packet->version == 6)
		/* destination unreachable, packet too big, time exceeded, parameter problem */
		return packet->icmp_type >= 1 && packet->icmp_type <= 4;
	return false;
}

/* Whether IP itself does not work without this message: neighbours, routers and group membership. */
static __always_inline bool is_ip_housekeeping(const struct packet *packet)
{
	if (packet->version == 4)
		return packet->protocol == IPPROTO_IGMP;
	if (packet->protocol != IPPROTO_NEXT_ICMPV6)
		return false;
	/* MLD 130-132, NDP 133-137, MLDv2 report 143 */
	return (packet->icmp_type >= 130 && packet->icmp_type <= 137) || packet->icmp_type == 143;
}

#endif
