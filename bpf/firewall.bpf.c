// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A stateful firewall whose connection table is the kernel's own socket table.
//
// `ingress` lets in what belongs to a socket that was opened from here, what the policy allows a listener to receive, and
// what IP itself needs; it drops the rest. `egress` drops nothing: it remembers whom unconnected UDP sockets and pings
// have spoken to, for that is the one thing that the socket table does not know.
//
//     packet                           passes when
//     not IP (ARP, LLDP, ...)          always
//     NDP, MLD, IGMP                   always
//     later fragment                   always: its ports are elsewhere, and without the first one the stack drops it
//     TCP of a connection from here    always, handshake and close included
//     TCP to a listener                the policy allows it; the last ACK of a SYN cookie finds the listener, too
//     TCP SYN on a TIME_WAIT socket    the policy allows it: it may open a new connection
//     UDP to a connected socket        always: the kernel matched the peer
//     UDP to an unconnected socket     the policy allows it, or the peer was spoken to within `flow_ttl_ns`
//     ICMP error                       what it quotes was sent by a socket of ours (as above)
//     ICMP echo reply                  the peer was pinged within `flow_ttl_ns`
//     other ICMP, other protocols      the policy allows them
//     nobody listens                   `pass_closed` is set and the policy allows it (the stack then answers with RST or ICMP)
//     not for an address of ours       `pass_transit` is set (asked only when `check_local` is set, see local.h)
//
// An answer that comes from another address than the one spoken to (DHCP, multicast queries) needs a line of policy.
//
// Maps
//     policy   LPM trie: {prefix length, protocol, 0, port, source address} -> 1 allow, 0 deny. The first 32 bits (protocol, a
//              zero byte, port in network order) are always compared; the address follows as 16 bytes, IPv4 as
//              ::ffff:a.b.c.d. So `prefixlen` is 32 for any source, 32 + 96 + 8 for 10.0.0.0/8, 32 + 64 for an IPv6 /64. The
//              longest prefix wins. `port` is the destination port; of ICMP the message type; else 0.
//     local    see local.h
//     flows    LRU hash: whom we spoke to -> when (monotonic ns). Filled by `egress`.
//     stats    per-CPU array: `enum reason` -> packets and bytes
//     limits   per-CPU array, one entry: the state of the limit on events
//     events   ring buffer of `struct event`: dropped packets, at most `events_per_second` on each CPU
#include <linux/pkt_cls.h>

#include "local.h"
#include "packet.h"
#include "sockets.h"

#define NANOSECONDS 1000000000ULL

// What a packet that may pass returns: TC_ACT_UNSPEC leaves it to the next program (as TCX_NEXT does), TC_ACT_OK ends the chain.
const volatile __s32 pass_action = TC_ACT_UNSPEC;
// Count and report what would be dropped, and let it pass.
const volatile bool audit = false;
const volatile bool pass_closed = false;
const volatile bool pass_transit = true;
// False on devices without Ethernet headers (tun, WireGuard, PPP).
const volatile bool ethernet = true;
const volatile __u64 flow_ttl_ns = 30 * NANOSECONDS;
const volatile __u32 events_per_second = 100;

// Why a packet passed or was dropped: indices of `stats`.
enum reason {
	PASS_NOT_IP,
	PASS_HOUSEKEEPING,
	PASS_FRAGMENT,
	PASS_CONNECTION,
	PASS_POLICY,
	PASS_FLOW,
	PASS_ERROR, // an ICMP error about something that we sent
	PASS_TRANSIT,
	PASS_EGRESS,
	DROP_TRUNCATED, // the first of the reasons to drop
	DROP_MALFORMED,
	DROP_TRANSIT,
	DROP_NO_SOCKET,
	DROP_POLICY, // a socket is there, and the policy does not allow it
	DROP_FORGED_ERROR, // an ICMP error about something that we did not send
	EVENTS_SUPPRESSED, // not a packet's fate: drops without an event
	REASONS,
};

struct policy_key {
	__u32 prefixlen;
	__u8 protocol;
	__u8 zero;
	__be16 port;
	struct address source;
};
#define POLICY_BITS_MAX ((sizeof(struct policy_key) - sizeof(__u32)) * 8)

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct policy_key);
	__type(value, __u32);
} policy SEC(".maps");

struct flow {
	struct address local;
	struct address remote;
	__be16 local_port; // of a ping: its identifier, in both
	__be16 remote_port;
	__u8 protocol;
	__u8 zero[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct flow);
	__type(value, __u64);
} flows SEC(".maps");

struct count {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, struct count);
} stats SEC(".maps");

struct limit {
	__u64 second;
	__u64 events;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct limit);
} limits SEC(".maps");

struct event {
	__u64 time; // monotonic ns
	__u32 ifindex;
	__u32 length; // of the frame
	__u32 ethertype; // in network order
	enum reason reason;
	struct packet packet;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

// Reads the headers of the frame. Noinline, so that every packet pointer dies with it.
static __noinline enum parsed parse(struct __sk_buff *skb, struct packet *packet)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (!ethernet)
		return parse_ip(data, end, 0, skb->protocol, WHOLE_HEADER, packet);
	return parse_frame(data, end, packet);
}

static __noinline enum parsed parse_error(struct __sk_buff *skb, const struct packet *error, struct packet *quoted)
{
	return parse_quoted((void *)(long)skb->data, (void *)(long)skb->data_end, error, quoted);
}

// A segmented or cloned skb may hold little more than its link header in the linear part: then pull, and read again.
static __always_inline bool pull_headers(struct __sk_buff *skb)
{
	__u32 length = skb->len < HEADERS_MAX ? skb->len : HEADERS_MAX;

	return skb->data_end - skb->data < length && bpf_skb_pull_data(skb, length) == 0;
}

static __noinline int count(struct __sk_buff *skb, enum reason reason)
{
	__u32 index = reason;
	struct count *entry = bpf_map_lookup_elem(&stats, &index);

	if (entry) {
		entry->packets++;
		entry->bytes += skb->len;
	}
	return 0;
}

// Whether this CPU may still report an event in this second.
static __always_inline bool may_report(__u64 now)
{
	__u64 second = now / NANOSECONDS;
	__u32 zero = 0;
	struct limit *limit = bpf_map_lookup_elem(&limits, &zero);

	if (!limit)
		return false;
	if (limit->second != second) {
		limit->second = second;
		limit->events = 0;
	}
	if (limit->events >= events_per_second)
		return false;
	limit->events++;
	return true;
}

static __noinline int report(struct __sk_buff *skb, const struct packet *packet, enum reason reason)
{
	__u64 now = bpf_ktime_get_ns();
	struct event *event;

	if (!may_report(now)) {
		count(skb, EVENTS_SUPPRESSED);
		return 0;
	}
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count(skb, EVENTS_SUPPRESSED);
		return 0;
	}
	event->time = now;
	event->ifindex = skb->ifindex;
	event->length = skb->len;
	event->ethertype = skb->protocol;
	event->reason = reason;
	event->packet = *packet;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

static __noinline bool is_allowed(const struct packet *packet)
{
	struct policy_key key = {
		.prefixlen = POLICY_BITS_MAX,
		.protocol = packet->protocol,
		.port = packet->destination_port,
		.source = packet->source,
	};
	__u32 *allowed;

	if (packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_NEXT_ICMPV6)
		key.port = bpf_htons(packet->icmp_type);
	allowed = bpf_map_lookup_elem(&policy, &key);
	return allowed && *allowed;
}

// The flow that an incoming packet would belong to.
static __always_inline struct flow flow_of(const struct packet *packet)
{
	return (struct flow){
		.local = packet->destination,
		.remote = packet->source,
		.local_port = packet->destination_port,
		.remote_port = packet->source_port,
		.protocol = packet->protocol,
	};
}

static __noinline bool is_known_flow(const struct packet *packet)
{
	struct flow flow = flow_of(packet);
	__u64 *spoken = bpf_map_lookup_elem(&flows, &flow);

	return spoken && bpf_ktime_get_ns() - *spoken < flow_ttl_ns;
}

static __always_inline bool is_echo_reply(const struct packet *packet)
{
	return packet->version == 4 ? packet->protocol == IPPROTO_ICMP && packet->icmp_type == 0 :
				      packet->protocol == IPPROTO_NEXT_ICMPV6 && packet->icmp_type == 129;
}

static __always_inline bool is_echo_request(const struct packet *packet)
{
	return packet->version == 4 ? packet->protocol == IPPROTO_ICMP && packet->icmp_type == 8 :
				      packet->protocol == IPPROTO_NEXT_ICMPV6 && packet->icmp_type == 128;
}

static __always_inline enum reason judge_tcp(struct __sk_buff *skb, const struct packet *packet)
{
	switch (find_tcp(skb, packet)) {
	case FOUND_CONNECTION:
		return PASS_CONNECTION;
	case FOUND_TIME_WAIT:
		if ((packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) != TCP_FLAG_SYN)
			return PASS_CONNECTION;
		return is_allowed(packet) ? PASS_POLICY : DROP_POLICY;
	case FOUND_LISTENER:
		return is_allowed(packet) ? PASS_POLICY : DROP_POLICY;
	default:
		return pass_closed && is_allowed(packet) ? PASS_POLICY : DROP_NO_SOCKET;
	}
}

static __always_inline enum reason judge_udp(struct __sk_buff *skb, const struct packet *packet)
{
	switch (find_udp(skb, packet)) {
	case FOUND_UDP_CONNECTED:
		return PASS_CONNECTION;
	case FOUND_UDP_UNCONNECTED:
		if (is_allowed(packet))
			return PASS_POLICY;
		return is_known_flow(packet) ? PASS_FLOW : DROP_POLICY;
	default:
		return pass_closed && is_allowed(packet) ? PASS_POLICY : DROP_NO_SOCKET;
	}
}

// An ICMP error is ours when the packet that it quotes, turned round, is one that we would take.
static __noinline enum reason judge_error(struct __sk_buff *skb, const struct packet *error)
{
	struct packet quoted = {};
	enum parsed parsed = parse_error(skb, error, &quoted);

	if (parsed == PARSED_TRUNCATED && pull_headers(skb))
		parsed = parse_error(skb, error, &quoted);
	if (parsed != PARSED_TRANSPORT)
		return DROP_FORGED_ERROR;
	turn_round(&quoted);
	switch (find_socket(skb, &quoted)) {
	case FOUND_CONNECTION:
	case FOUND_TIME_WAIT:
	case FOUND_UDP_CONNECTED:
		return PASS_ERROR;
	case FOUND_UDP_UNCONNECTED:
		// A service that the policy allows answers strangers without a flow, and must learn that they are gone.
		return is_known_flow(&quoted) || is_allowed(&quoted) ? PASS_ERROR : DROP_FORGED_ERROR;
	default:
		return is_echo_request(&quoted) && is_known_flow(&quoted) ? PASS_ERROR : DROP_FORGED_ERROR;
	}
}

static __always_inline enum reason judge(struct __sk_buff *skb, const struct packet *packet)
{
	if (is_ip_housekeeping(packet))
		return PASS_HOUSEKEEPING;
	if (!is_for_this_host(packet))
		return pass_transit ? PASS_TRANSIT : DROP_TRANSIT;
	if (packet->protocol == IPPROTO_TCP)
		return judge_tcp(skb, packet);
	if (packet->protocol == IPPROTO_UDP)
		return judge_udp(skb, packet);
	if (is_icmp_error(packet))
		return judge_error(skb, packet);
	if (is_echo_reply(packet) && is_known_flow(packet))
		return PASS_FLOW;
	return is_allowed(packet) ? PASS_POLICY : DROP_POLICY;
}

SEC("tc")
int ingress(struct __sk_buff *skb)
{
	struct packet packet = {};
	enum parsed parsed = parse(skb, &packet);
	enum reason reason;

	if (parsed == PARSED_TRUNCATED && pull_headers(skb))
		parsed = parse(skb, &packet);
	switch (parsed) {
	case PARSED_TRANSPORT:
		reason = judge(skb, &packet);
		break;
	case PARSED_LATER_FRAGMENT:
		reason = PASS_FRAGMENT;
		break;
	case PARSED_NOT_IP:
		reason = PASS_NOT_IP;
		break;
	case PARSED_TRUNCATED:
		reason = DROP_TRUNCATED;
		break;
	default:
		reason = DROP_MALFORMED;
		break;
	}
	count(skb, reason);
	if (reason < DROP_TRUNCATED)
		return pass_action;
	report(skb, &packet, reason);
	return audit ? pass_action : TC_ACT_SHOT;
}

// Remember whom the packet speaks to, if the socket table will not know it when the answer comes.
static __always_inline void remember(struct __sk_buff *skb, struct packet *packet)
{
	struct flow flow;
	__u64 now, *spoken;

	turn_round(packet); // from here on: the answer
	flow = flow_of(packet);
	now = bpf_ktime_get_ns();
	spoken = bpf_map_lookup_elem(&flows, &flow);
	// A quarter of its life is precise enough, and saves the writes of a busy flow.
	if (spoken && now - *spoken < flow_ttl_ns / 4)
		return;
	if (packet->protocol == IPPROTO_UDP) {
		if (find_udp(skb, packet) != FOUND_UDP_UNCONNECTED)
			return;
		// The policy lets the answer in anyway: the replies of a busy service must not push out the rest.
		if (is_allowed(packet))
			return;
	}
	bpf_map_update_elem(&flows, &flow, &now, BPF_ANY);
}

SEC("tc")
int egress(struct __sk_buff *skb)
{
	struct packet packet = {};
	enum parsed parsed = parse(skb, &packet);

	if (parsed == PARSED_TRUNCATED && pull_headers(skb))
		parsed = parse(skb, &packet);
	if (parsed == PARSED_TRANSPORT && (packet.protocol == IPPROTO_UDP || is_echo_request(&packet)))
		remember(skb, &packet);
	count(skb, PASS_EGRESS);
	return pass_action;
}

char _license[] SEC("license") = "Dual MIT/GPL";
