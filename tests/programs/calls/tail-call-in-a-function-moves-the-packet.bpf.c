// expect: reject M0208
// linux 6.18: R7 invalid mem access 'scalar'
// The other program may have moved the packet.
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
	asm volatile("r6 = r1;"
		     "r7 = *(u32 *)(r1 + 76);"
		     "r8 = *(u32 *)(r1 + 80);"
		     "r2 = r7;"
		     "r2 += 8;"
		     "if r2 > r8 goto +2;"
		     "call go;"
		     "r0 = *(u8 *)(r7 + 0);"
		     "r0 = 0;"
		     "exit;");
}

char _license[] SEC("license") = "GPL";
