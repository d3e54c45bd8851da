// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Timers in an array and in a hash table: armed, armed again by their own callback, cancelled, deleted and replaced before
// they are due. What each call returns, and who was called, stands in `results`.
// expect: accept

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

struct timed {
	__u64 called;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct timed);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u64);
	__type(value, struct timed);
} hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, __s64);
} results SEC(".maps");

static void note(__u32 at, __s64 what)
{
	__s64 *result = bpf_map_lookup_elem(&results, &at);

	if (result)
		*result += what;
}

static int in_array(__attribute__((unused)) void *map, __u32 *key, struct timed *value)
{
	value->called++;
	note(16, *key);
	note(17, bpf_timer_cancel(&value->timer));
	if (value->called < 3)
		note(18, bpf_timer_start(&value->timer, 1000000, 0));
	return 0;
}

static int in_hash(__attribute__((unused)) void *map, __u64 *key, struct timed *value)
{
	value->called++;
	note(19, *key);
	if (*key == 7) {
		// Deletes what it is called for.
		note(20, bpf_map_delete_elem(&hash, key));
	}
	return 0;
}

static struct timed *entry(__u64 key)
{
	struct timed empty = {};

	bpf_map_update_elem(&hash, &key, &empty, BPF_ANY);
	return bpf_map_lookup_elem(&hash, &key);
}

static void arm(__u64 key)
{
	struct timed *value = entry(key);

	if (value) {
		bpf_timer_init(&value->timer, &hash, 1);
		bpf_timer_set_callback(&value->timer, in_hash);
		note(22, bpf_timer_start(&value->timer, 1000000 * key, 0));
	}
}

SEC("tc")
int arms(__attribute__((unused)) struct __sk_buff *skb)
{
	__u32 index = 2;
	struct timed *value = bpf_map_lookup_elem(&array, &index);
	struct timed other = { .called = 100 };
	__u64 key;

	if (!value)
		return 1;
	note(0, bpf_timer_start(&value->timer, 1000, 0));
	note(1, bpf_timer_cancel(&value->timer));
	note(2, bpf_timer_set_callback(&value->timer, in_array));
	note(3, bpf_timer_init(&value->timer, &array, 2));
	note(4, bpf_timer_init(&value->timer, &array, 16 + 1));
	note(5, bpf_timer_init(&value->timer, &array, 1));
	note(6, bpf_timer_init(&value->timer, &array, 7));
	note(7, bpf_timer_start(&value->timer, 1000, 0));
	note(8, bpf_timer_set_callback(&value->timer, in_array));
	note(9, bpf_timer_start(&value->timer, 1000, 4));
	note(10, bpf_timer_cancel(&value->timer));
	note(11, bpf_timer_start(&value->timer, 1000, 0));
	note(12, bpf_timer_set_callback(&value->timer, in_array));
	note(13, bpf_timer_start(&value->timer, 1000000000, 0));
	note(14, bpf_timer_cancel(&value->timer));
	bpf_timer_set_callback(&value->timer, in_array);
	note(15, bpf_timer_start(&value->timer, 1000000, 0));

	// Replaced before they are due: an entry of an array keeps its place, one of a hash table moves.
	index = 3;
	value = bpf_map_lookup_elem(&array, &index);
	if (value) {
		bpf_timer_init(&value->timer, &array, 0);
		bpf_timer_set_callback(&value->timer, in_array);
		note(23, bpf_timer_start(&value->timer, 1000000, 0));
		bpf_map_update_elem(&array, &index, &other, BPF_ANY);
		note(24, bpf_timer_start(&value->timer, 1000000, 0));
	}
	arm(5);
	arm(6);
	arm(7);
	arm(8);
	arm(9);
	key = 8;
	bpf_map_delete_elem(&hash, &key);
	key = 9;
	bpf_map_update_elem(&hash, &key, &other, BPF_ANY);
	return 0;
}
