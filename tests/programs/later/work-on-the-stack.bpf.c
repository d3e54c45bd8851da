// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Work lies in a map.
// expect: reject C0403
// linux 6.18: arg#0 doesn't point to a map value

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

	element->name[0]++;
	return 0;
}

SEC("tc")
int set_off(void *ctx __attribute__((unused)))
{
	struct bpf_wq work = {};

	bpf_wq_set_callback_impl(&work, later, 0, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
