// SPDX-License-Identifier: MIT OR Apache-2.0
// What libbpf does not link: static functions beside programs, functions of another program's section, static maps.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
};
static struct map unused_first SEC(".maps");
static struct map counts SEC(".maps");

SEC("tc")
static __noinline int beside(struct __sk_buff *skb)
{
	return skb->len;
}

SEC("tc")
__noinline int caller(struct __sk_buff *skb)
{
	__u32 zero = 0;

	return beside(skb) + !!bpf_map_lookup_elem(&counts, &zero) + !!bpf_map_lookup_elem(&unused_first, &zero);
}

SEC("action")
int across(struct __sk_buff *skb)
{
	return caller(skb) + 1;
}

SEC("nonsense")
int nowhere(void *ctx)
{
	return 0;
}

extern int undefined_function(int);

SEC("tc")
int broken(struct __sk_buff *skb)
{
	return undefined_function(1);
}
