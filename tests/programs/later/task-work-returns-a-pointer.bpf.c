// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a task runs later must return a number.
// expect: reject P0601
// linux 6.18: At async callback return the register R0 is not a known value (map_value)

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_task_work {
	__u64 opaque;
} __attribute__((aligned(8)));

struct task_struct;

extern int bpf_task_work_schedule_signal_impl(struct task_struct *task, struct bpf_task_work *work, void *map,
					      int (*run)(void *map, void *key, void *value), void *prog) __ksym;

struct element {
	struct bpf_task_work work;
	__u64 runs;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct element);
} elements SEC(".maps");

static void * later(void *map __attribute__((unused)), void *key __attribute__((unused)), void *value)
{
	struct element *element = value;

	return element;
}

SEC("kprobe")
int set_off(void *ctx __attribute__((unused)))
{
	__u32 key = 0;
	struct element *element = bpf_map_lookup_elem(&elements, &key);

	if (!element)
		return 0;
	bpf_task_work_schedule_signal_impl(bpf_get_current_task_btf(), &element->work, &elements, (void *)later, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
