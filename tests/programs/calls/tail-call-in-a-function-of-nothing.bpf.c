// expect: reject P0602
// linux 6.18: tail_call is only allowed in functions that return 'int'.
// A function that another program may end must return a number.
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

static KEEP void go(void)
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
		     "r0 = 0;"
		     "exit;");
}

char _license[] SEC("license") = "GPL";
