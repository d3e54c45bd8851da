// expect: accept
// A parameter may be tagged: a trusted object of the kernel.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define __tagged(tag) __attribute__((btf_decl_tag("arg:" tag)))

struct task_struct {
	int flags;
} __attribute__((preserve_access_index));

__noinline __weak int flags(struct task_struct *task __tagged("trusted"))
{
	return task->flags;
}

SEC("raw_tp/sys_enter")
int example(void *ctx)
{
	(void)ctx;
	return flags((void *)bpf_get_current_task_btf());
}

char _license[] SEC("license") = "GPL";
