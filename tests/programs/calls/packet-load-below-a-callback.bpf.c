// expect: accept
// A function that a callback calls may end early: it ends to the callback.
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

static KEEP int turn(void)
{
	asm volatile("r1 = r2;"
		     "r1 = *(u64 *)(r1 + 0);"
		     "call load;"
		     "r0 = 1;"
		     "exit;");
}

SEC("socket") NAKED int program(void)
{
	asm volatile("*(u64 *)(r10 - 8) = r1;"
		     "r1 = 10;"
		     "r2 = turn ll;"
		     "r3 = r10;"
		     "r3 += -8;"
		     "r4 = 0;"
		     "call %[loop];"
		     "r0 = 0;"
		     "exit;" :: [loop]"i"(BPF_FUNC_loop));
}

char _license[] SEC("license") = "GPL";
