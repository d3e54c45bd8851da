// expect: accept
// A parameter may be tagged: never NULL. The function need not ask.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define __tagged(tag) __attribute__((btf_decl_tag("arg:" tag)))

__noinline __weak int first(int *numbers __tagged("nonnull"))
{
	return *numbers;
}

SEC("tc")
int example(void *ctx)
{
	int number = (long)ctx != 0;

	return first(&number);
}

char _license[] SEC("license") = "GPL";
