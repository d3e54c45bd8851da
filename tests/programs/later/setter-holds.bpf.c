// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the setter holds does not go into what runs later: it need not be given back there.
// expect: accept

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

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
	return 0;
}

SEC("tc")
int set_off(void *ctx __attribute__((unused)))
{
	__u32 key = 0;
	struct element *element = bpf_map_lookup_elem(&elements, &key);
	__u64 *event;

	if (!element)
		return 0;
	event = bpf_ringbuf_reserve(&events, 8, 0);
	if (!event)
		return 0;
	*event = key;
	bpf_timer_set_callback(&element->timer, later);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
