/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Whether a packet is for this host. The socket table cannot tell: a listener on 0.0.0.0 is found for any destination
 * address, so on a host that routes, traffic that only passes through would be judged by sockets that it is not for.
 *
 *   local    address (16 bytes, IPv4 as ::ffff:a.b.c.d) -> 1
 *
 * The map is read only when `check_local` is set. Whoever sets it keeps the map up to date, broadcast addresses of the
 * subnets among them; multicast and 255.255.255.255 are always for this host.
 */
#ifndef BELAY_LOCAL_H
#define BELAY_LOCAL_H

#include "packet.h"

const volatile bool check_local = false;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct address);
	__type(value, __u8);
} local SEC(".maps");

static __always_inline bool is_for_this_host(const struct packet *packet)
{
	if (!check_local || address_is_multicast(&packet->destination))
		return true;
	return bpf_map_lookup_elem(&local, &packet->destination) != NULL;
}

#endif
