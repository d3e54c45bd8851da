// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What runs later must return 0.
// expect: reject P0601
// linux 6.18: At async callback return the register R0 has smin=1 smax=1 should have been in [0, 0]

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

static int later(void *map __attribute__((unused)), __u32 *key __attribute__((unused)), struct element *element)
{
	element->runs++;
	return 1;
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
