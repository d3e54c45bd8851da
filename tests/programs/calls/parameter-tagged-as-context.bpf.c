// expect: accept
// A parameter may be tagged: the context, whatever its type.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define __tagged(tag) __attribute__((btf_decl_tag("arg:" tag)))

__noinline __weak int stacked(void *ctx __tagged("ctx"))
{
	char stack[16];

	return bpf_get_stack(ctx, stack, sizeof(stack), 0);
}

SEC("tracepoint/syscalls/sys_enter_getpid")
int example(void *ctx)
{
	return stacked(ctx);
}

char _license[] SEC("license") = "GPL";
