// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A parameter that is an address in the arena is nothing else.
// expect: reject P0602
// linux 6.18: arg#0 arena cannot be combined with any other tags

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, 33 /* BPF_MAP_TYPE_ARENA */);
	__uint(map_flags, 1 << 10 /* BPF_F_MMAPABLE */);
	__uint(max_entries, 1);
} arena SEC(".maps");

__attribute__((noinline)) int at(void *where __attribute__((btf_decl_tag("arg:arena"))) __attribute__((btf_decl_tag("arg:nonnull"))))
{
	__u64 value;

	asm volatile("%[value] = addr_space_cast(%[where], 0, 1)\n"
		     "%[value] = *(u64 *)(%[value] + 0)"
		     : [value] "=r"(value) : [where] "r"(where));
	return value;
}

SEC("tc")
int example(__attribute__((unused)) struct __sk_buff *skb)
{
	void *where;

	asm volatile("%[where] = %[arena] ll\n"
		     "%[where] = 5"
		     : [where] "=r"(where) : [arena] "i"(&arena));
	return at(where) ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
