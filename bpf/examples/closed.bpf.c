// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A packet filter at a hook of netfilter: new TCP connections that come in by a device go to no port that is closed there. It
// reads the packet and its way through the kernel's own structures, and so by names (CO-RE).
//
// tests/scenarios/closed.scenario.toml shows what it does.
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define NF_DROP 0
#define NF_ACCEPT 1
#define PF_IPV6 10

struct net_device {
	int ifindex;
} __attribute__((preserve_access_index));

struct nf_hook_state {
	__u8 pf;
	struct net_device *in;
} __attribute__((preserve_access_index));

struct sk_buff {
	unsigned int len;
} __attribute__((preserve_access_index));

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
} __attribute__((preserve_access_index));

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *ptr, __u32 offset, void *buffer, __u32 size) __ksym;

struct port {
	__u32 ifindex;
	__be16 port;
	__u16 zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct port);
	__type(value, __u64); // connections that were refused
} closed SEC(".maps");

SEC("netfilter")
int filter(struct bpf_nf_ctx *ctx)
{
	struct port port = { .ifindex = ctx->state->in->ifindex };
	struct ipv6hdr room6;
	struct iphdr room4;
	struct tcphdr room;
	struct bpf_dynptr packet;
	struct tcphdr *tcp;
	__u64 *refused;
	__u32 at;

	if (bpf_dynptr_from_skb((struct __sk_buff *)ctx->skb, 0, &packet))
		return NF_ACCEPT;
	if (ctx->state->pf == PF_IPV6) {
		struct ipv6hdr *ip = bpf_dynptr_slice(&packet, 0, &room6, sizeof(room6));

		if (!ip || ip->nexthdr != IPPROTO_TCP)
			return NF_ACCEPT;
		at = sizeof(*ip);
	} else {
		struct iphdr *ip = bpf_dynptr_slice(&packet, 0, &room4, sizeof(room4));

		if (!ip || ip->protocol != IPPROTO_TCP || ip->frag_off & bpf_htons(0x1fff))
			return NF_ACCEPT;
		at = ip->ihl * 4;
	}
	tcp = bpf_dynptr_slice(&packet, at, &room, sizeof(room));
	if (!tcp || !tcp->syn || tcp->ack)
		return NF_ACCEPT;
	port.port = tcp->dest;
	refused = bpf_map_lookup_elem(&closed, &port);
	if (!refused)
		return NF_ACCEPT;
	__sync_fetch_and_add(refused, 1);
	return NF_DROP;
}
