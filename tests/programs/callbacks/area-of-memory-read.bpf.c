// expect: accept
// The function gets the task that the helper got, and an area of its memory to read.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct;

struct vm_area_struct {
	unsigned long vm_start;
} __attribute__((preserve_access_index));

static long area(struct task_struct *task, struct vm_area_struct *vma, void *sum)
{
	bpf_task_pt_regs(task);
	*(unsigned long *)sum += vma->vm_start;
	return 0;
}

SEC("raw_tp/sys_enter")
int example(void *ctx)
{
	unsigned long sum = 0;

	(void)ctx;
	bpf_find_vma(bpf_get_current_task_btf(), 0, area, &sum, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
