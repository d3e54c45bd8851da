// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a function takes as an address in the arena is a number: it must be cast.
// expect: reject M0211
// linux 6.18: R1 invalid mem access 'scalar'

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, 33 /* BPF_MAP_TYPE_ARENA */);
	__uint(map_flags, 1 << 10 /* BPF_F_MMAPABLE */);
	__uint(max_entries, 1);
} arena SEC(".maps");

__attribute__((noinline)) int at(void *where __attribute__((btf_decl_tag("arg:arena"))))
{
	__u64 value;

	asm volatile("%[value] = *(u64 *)(%[where] + 0)"
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
