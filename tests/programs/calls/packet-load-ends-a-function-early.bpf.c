// expect: reject R0301
// linux 6.18: R9 !read_ok
// The function hands back 0 if the packet is too short, and on that way r9 was never written.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NAKED __attribute__((naked))
#define KEEP __attribute__((naked, noinline, used))

static KEEP int load(void)
{
	asm volatile("r6 = r1;"
		     "r0 = *(u32 *)skb[0];"
		     "r0 = 1;"
		     "exit;");
}

SEC("socket") NAKED int program(void)
{
	asm volatile("call load;"
		     "if r0 != 0 goto +1;"
		     "r0 = r9;"
		     "r0 = 0;"
		     "exit;");
}

char _license[] SEC("license") = "GPL";
