// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The area that `bpf_find_vma` found may not be written.
// expect: reject T0702
// linux 6.18: only read is supported

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct;
struct vm_area_struct {
	unsigned long vm_start;
} __attribute__((preserve_access_index));

struct area {
	__u64 start;
};

static long each(struct task_struct *task __attribute__((unused)), struct vm_area_struct *vma, struct area *area)
{
	vma->vm_start = area->start;
	return 0;
}

SEC("raw_tp")
int find(void *ctx __attribute__((unused)))
{
	struct area area = {};

	bpf_find_vma(bpf_get_current_task_btf(), 4096, each, &area, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
