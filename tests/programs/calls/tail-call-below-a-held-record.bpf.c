// expect: accept
// A tail call in a function comes back to the caller, who may hold something meanwhile.
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

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} records SEC(".maps");

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
	asm volatile("r7 = r1;"
		     "r1 = %[records] ll;"
		     "r2 = 8;"
		     "r3 = 0;"
		     "call %[reserve];"
		     "r8 = r0;"
		     "if r8 == 0 goto 1f;"
		     "r1 = r7;"
		     "call go;"
		     "r1 = r8;"
		     "r2 = 0;"
		     "call %[submit];"
		     "1: r0 = 0;"
		     "exit;" :: [records]"i"(&records), [reserve]"i"(BPF_FUNC_ringbuf_reserve), [submit]"i"(BPF_FUNC_ringbuf_submit));
}

char _license[] SEC("license") = "GPL";
