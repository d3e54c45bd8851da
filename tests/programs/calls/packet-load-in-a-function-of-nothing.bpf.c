// expect: reject P0602
// linux 6.18: LD_ABS is only allowed in functions that return 'int'.
// A function that may end with 0 must return a number.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NAKED __attribute__((naked))
#define KEEP __attribute__((naked, noinline, used))

static KEEP void load(void)
{
	asm volatile("r6 = r1;"
		     "r0 = *(u32 *)skb[0];"
		     "r0 = 1;"
		     "exit;");
}

SEC("socket") NAKED int program(void)
{
	asm volatile("call load;"
		     "r0 = 0;"
		     "exit;");
}

char _license[] SEC("license") = "GPL";
