// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A flow dissector: what of a packet tells one flow from another. TCP and UDP over IPv4 and IPv6; everything else is left
// to the kernel's own dissector.
//
// tests/scenarios/dissect.scenario.toml shows what it does.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define LATER_FRAGMENT 0x1fff
#define MORE_FRAGMENTS 0x2000

struct ports {
	__be16 source;
	__be16 destination;
};

static __always_inline int ports(struct __sk_buff *skb, struct bpf_flow_keys *keys, __u16 at)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ports *ports = data + (at & 0xff);

	if ((void *)(ports + 1) > end)
		return BPF_DROP;
	keys->sport = ports->source;
	keys->dport = ports->destination;
	return BPF_OK;
}

static __always_inline bool has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static __always_inline int ipv4(struct __sk_buff *skb, struct bpf_flow_keys *keys)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + (keys->nhoff & 0xff);
	__u16 fragment, length;

	if ((void *)(ip + 1) > end || ip->ihl < 5)
		return BPF_DROP;
	if (!has_ports(ip->protocol))
		return BPF_FLOW_DISSECTOR_CONTINUE;
	length = ip->ihl * 4;
	keys->addr_proto = ETH_P_IP;
	keys->ip_proto = ip->protocol;
	keys->ipv4_src = ip->saddr;
	keys->ipv4_dst = ip->daddr;
	keys->thoff = keys->nhoff + length;
	fragment = bpf_ntohs(ip->frag_off);
	if (fragment & (LATER_FRAGMENT | MORE_FRAGMENTS)) {
		keys->is_frag = true;
		keys->is_first_frag = !(fragment & LATER_FRAGMENT);
		if (!keys->is_first_frag || !(keys->flags & BPF_FLOW_DISSECTOR_F_PARSE_1ST_FRAG))
			return BPF_OK;
	}
	return ports(skb, keys, keys->thoff);
}

static __always_inline int ipv6(struct __sk_buff *skb, struct bpf_flow_keys *keys)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip = data + (keys->nhoff & 0xff);

	if ((void *)(ip + 1) > end)
		return BPF_DROP;
	if (!has_ports(ip->nexthdr))
		return BPF_FLOW_DISSECTOR_CONTINUE;
	keys->addr_proto = ETH_P_IPV6;
	keys->ip_proto = ip->nexthdr;
	__builtin_memcpy(&keys->ipv6_src, &ip->saddr, 2 * sizeof(ip->saddr));
	keys->flow_label = *(__be32 *)ip & bpf_htonl(0xfffff);
	keys->thoff = keys->nhoff + sizeof(*ip);
	if (keys->flow_label && (keys->flags & BPF_FLOW_DISSECTOR_F_STOP_AT_FLOW_LABEL))
		return BPF_OK;
	return ports(skb, keys, keys->thoff);
}

SEC("flow_dissector")
int dissect(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;

	switch (keys->n_proto) {
	case bpf_htons(ETH_P_IP):
		return ipv4(skb, keys);
	case bpf_htons(ETH_P_IPV6):
		return ipv6(skb, keys);
	}
	return BPF_FLOW_DISSECTOR_CONTINUE;
}
