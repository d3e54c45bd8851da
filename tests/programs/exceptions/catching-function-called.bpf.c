// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The program calls the function that catches its exceptions.
// expect: reject C0420
// linux 6.18: insn 3 cannot call exception cb directly

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;

#define __exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

__attribute__((noinline)) int catch_it(__u64 cookie)
{
	return cookie == 1 ? 0 : 1;
}

SEC("tc")
__exception_cb(catch_it)
int create(struct __sk_buff *skb)
{
	if (skb->mark == 2)
		return catch_it(1);
	bpf_throw(77);
	return 1;
}

char _license[] SEC("license") = "Dual MIT/GPL";
