// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A lock in a map's value is read as if it were a number.
// expect: reject M0212
// linux 6.18: bpf_spin_lock cannot be accessed directly by load/store

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct guarded {
	__u64 count;
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

SEC("tc")
int read_lock(__attribute__((unused)) struct __sk_buff *skb)
{
	__u32 key = 0;
	struct guarded *value;

	value = bpf_map_lookup_elem(&guarded, &key);
	if (!value)
		return TC_ACT_OK;
	return *(volatile __u32 *)&value->lock ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "Dual MIT/GPL";
