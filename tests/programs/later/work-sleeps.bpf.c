// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Work that is put off may sleep, though the program that puts it off may not.
// expect: accept

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_wq {
	__u64 opaque[2];
} __attribute__((aligned(8)));

extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (*run)(void *map, int *key, void *value), unsigned int flags,
				    void *prog) __ksym;
extern int bpf_copy_from_user_str(void *to, __u32 size, const void *from, __u64 flags) __ksym;

struct element {
	struct bpf_wq work;
	char name[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct element);
} elements SEC(".maps");

static int later(void *map __attribute__((unused)), int *key __attribute__((unused)), void *value)
{
	struct element *element = value;

	bpf_copy_from_user_str(element->name, sizeof(element->name), element->name, 0);
	return 0;
}

SEC("tc")
int set_off(void *ctx __attribute__((unused)))
{
	__u32 key = 0;
	struct element *element = bpf_map_lookup_elem(&elements, &key);

	if (!element)
		return 0;
	bpf_wq_init(&element->work, &elements, 0);
	bpf_wq_set_callback_impl(&element->work, later, 0, 0);
	bpf_wq_start(&element->work, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
