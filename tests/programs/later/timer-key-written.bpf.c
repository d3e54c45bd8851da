// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The key is there to be read.
// expect: reject S0111
// linux 6.18: write to change key R2 not allowed

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
	element->runs++;
	*key = 1;
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
