// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A function that a timer runs gets the map, the key and the value, and may set itself off again.
// expect: accept

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct element {
	struct bpf_timer timer;
	__u64 runs;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct element);
} elements SEC(".maps");

static int later(void *map __attribute__((unused)), __u32 *key, struct element *element)
{
	if (element->runs++ < *key)
		bpf_timer_set_callback(&element->timer, later);
	bpf_timer_start(&element->timer, 1000, 0);
	return 0;
}

SEC("tc")
int set_off(void *ctx __attribute__((unused)))
{
	__u32 key = 0;
	struct element *element = bpf_map_lookup_elem(&elements, &key);

	if (!element)
		return 0;
	bpf_timer_init(&element->timer, &elements, 1);
	bpf_timer_set_callback(&element->timer, later);
	bpf_timer_start(&element->timer, 1000, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
