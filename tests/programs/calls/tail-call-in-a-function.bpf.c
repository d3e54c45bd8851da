// expect: accept
// After a tail call in a function the caller gets what the other program returns.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NAKED __attribute__((naked))
#define KEEP __attribute__((naked, noinline, used))

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");

static KEEP int go(void)
{
	asm volatile("r2 = %[programs] ll;"
		     "r3 = 0;"
		     "call %[tail_call];"
		     "r0 = 1;"
		     "exit;" :: [programs]"i"(&programs), [tail_call]"i"(BPF_FUNC_tail_call));
}

SEC("tc") NAKED int program(void)
{
	asm volatile("call go;"
		     "if r0 == 1 goto +1;"
		     "r0 = 2;"
		     "exit;");
}

char _license[] SEC("license") = "GPL";
