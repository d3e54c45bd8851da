// expect: accept
// A packet that is too short ends the function with 0, not the program: the caller sees both.
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
		     "if r0 == 0 goto +2;"
		     "if r0 == 1 goto +1;"
		     "r0 = r9;"
		     "r0 = 0;"
		     "exit;");
}

char _license[] SEC("license") = "GPL";
