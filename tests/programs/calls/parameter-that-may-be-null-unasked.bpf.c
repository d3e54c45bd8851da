// expect: reject S0104
// linux 6.18: R1 invalid mem access 'mem_or_null'
// Without the tag, it may be NULL.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define __tagged(tag) __attribute__((btf_decl_tag("arg:" tag)))

__noinline __weak int first(int *numbers)
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
