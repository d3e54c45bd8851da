// SPDX-License-Identifier: MIT OR Apache-2.0
// Maps of a `maps` section, as objects had them before BTF; libbpf 1.0 refuses them.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct old_map {
	__u32 type, key_size, value_size, max_entries, map_flags;
};

struct old_map SEC("maps") ports = { BPF_MAP_TYPE_HASH, 2, 4, 128, 1 };
struct old_map SEC("maps") stats = { BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4, 0 };

SEC("classifier")
int legacy(struct __sk_buff *skb)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&stats, &key) || bpf_map_lookup_elem(&ports, &key);
}
